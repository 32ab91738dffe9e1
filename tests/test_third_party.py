"""A stranger's packages, really installed by pip, are found, described and run like ours, and harm nobody else."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PACKAGES = Path(__file__).parent / "third_party"
HARNESS = Path(sysconfig.get_path("scripts")) / "harness"
PIP = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")

# Several commands in one process: the import of torch is paid for once.
SESSION = """
import contextlib, io, json, sys
from harness.cli.main import main

answers = {}
for line in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(line.split())
    answers[line] = [code, out.getvalue(), err.getvalue()]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def installed(made_once: Callable[..., Path], python: Callable[..., Any], tmp_path_factory: Any) -> Path:
    """The folder that both packages are installed into."""

    def install(target: Path) -> None:
        sources = tmp_path_factory.mktemp("sources") / "third_party"  # a copy, since setuptools builds in the source
        shutil.copytree(PACKAGES, sources)
        python(*PIP, "--target", target, sources / "stranger", sources / "twin", cwd=sources)

    return made_once("installed", install)


@pytest.fixture
def harness(installed: Path, python: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Runs the `harness` command where the packages are installed."""
    return lambda *arguments, check=True: python(HARNESS, *arguments, cwd=tmp_path, path=installed, check=check)


@pytest.fixture(scope="module")
def answers(installed: Path, python: Callable[..., Any], tmp_path_factory: Any) -> dict[str, Any]:
    """What a few commands answer, by command line: exit code, output, errors."""
    lines = [f"describe {name}" for name in ("leaky", "light", "echo", "broken", "disputed", "deep:disputed", "lstm")]
    lines += [f"run --engine inline --arch {name} --task echo --quiet" for name in ("leaky,broken", "lstm,disputed")]
    done = python("-c", SESSION, *lines, cwd=tmp_path_factory.mktemp("answers"), path=installed)
    return json.loads(done.stdout)


def test_installed_packages_are_listed_without_being_imported(installed, python, tmp_path):
    script = (
        "import sys; from harness.cli.main import main; main(['list', '--json'])\n"
        "for name in ('torch', 'stranger_cells', 'twin_cell'): assert name not in sys.modules, name"
    )
    rows = json.loads(python("-c", script, cwd=tmp_path, path=installed).stdout)
    theirs = {(row["kind"], row["name"], row["from"]) for row in rows if not row["from"].startswith("rnn-harness")}
    assert theirs == {
        ("architecture", "leaky", "harness-stranger 1.2"),
        ("architecture", "light", "harness-stranger 1.2"),
        ("architecture", "broken", "harness-stranger 1.2"),
        ("architecture", "disputed", "harness-stranger 1.2"),
        ("architecture", "disputed", "harness-twin 0.3"),
        ("task", "echo", "harness-stranger 1.2"),
        ("report", "tally", "harness-stranger 1.2"),
    }
    about = {row["name"]: row["about"] for row in rows}
    assert about["echo"] == "Echo: say again what was said `length` steps ago."
    assert {"lstm", "copy", "terminal"} <= set(about)


def test_the_list_says_where_a_strangers_plugin_comes_from(harness):
    told = " ".join(harness("list").stdout.split())  # long lines are wrapped
    assert " light A minimal gated unit, written as one time step (Zhou et al. 2016). [harness-stranger 1.2] " in told
    assert "rnn-harness" not in told


def test_only_what_cannot_be_imported_is_listed_as_broken_with_the_cause(harness):
    done = harness("list", "--broken", "--json", check=False)
    (row,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert (row["name"], row["from"]) == ("broken", "harness-stranger 1.2")
    assert "ModuleNotFoundError: No module named 'a_package_that_nobody_has'" in row["broken"]


def test_a_plain_module_is_described_with_its_keyword_only_argument(answers):
    code, out, _ = answers["describe leaky"]
    assert code == 0
    assert "h_t = (1 - leak) h_{t-1}" in out
    assert "leaky.leak: float, default 0.5" in out
    assert re.search(r"output_size: (\d+) at hidden_size \1\n", out)


def test_a_cell_architecture_is_described_with_its_paper_and_size(answers):
    code, out, _ = answers["describe light"]
    assert code == 0
    assert "Zhou et al. 2016" in out
    (found,) = re.findall(r"parameters: ([\d,]+) at input_size (\d+), hidden_size (\d+)", out)
    parameters, width, hidden = (int(number.replace(",", "")) for number in found)
    assert parameters == 2 * hidden * (width + hidden + 1)


def test_a_strangers_task_is_described_with_its_chance(answers):
    code, out, _ = answers["describe echo"]
    assert code == 0
    assert "alphabet: int, default 3" in out
    assert "33.33% at 10" in out


def test_a_strangers_architectures_run_on_a_strangers_task_from_command_to_record_to_report(
    harness, tmp_path, empty_store
):
    store = Path(shutil.copy(empty_store, tmp_path / "mlflow.db"))
    done = harness(
        *("run", "--arch", "leaky,deep:leaky,light", "--task", "echo", "--length", "5", "--steps", "5"),
        *("--set", "leaky.leak=0.25", "--json", "--tracking-uri", f"sqlite:///{store}"),
    )
    records = {record["spec"]["label"]: record for record in json.loads(done.stdout)}
    assert sorted(records) == ["deep:leaky leak=0.25", "leaky leak=0.25", "light"]
    assert {record["status"] for record in records.values()} == {"ok"}
    assert records["leaky leak=0.25"]["steps_per_sequence"] == 10
    with sqlite3.connect(store) as database:
        assert database.execute("select distinct status from runs").fetchall() == [("FINISHED",)]
    told = harness("report", "--format", "tally", "--out", "made", "--tracking-uri", f"sqlite:///{store}")
    assert told.stdout == "made/tally.txt\n"
    tally = (tmp_path / "made" / "tally.txt").read_text()
    assert tally == "echo deep:leaky leak=0.25 ok 1\necho leaky leak=0.25 ok 1\necho light ok 1\n"


@pytest.mark.parametrize("line", ["describe broken", "run --engine inline --arch leaky,broken --task echo --quiet"])
def test_naming_what_cannot_be_imported_is_an_error_of_one_line_with_the_cause(answers, line):
    code, out, err = answers[line]
    assert (code, out) == (2, "")
    assert err == (
        "harness: architecture 'broken' (harness-stranger 1.2) cannot be imported: "
        "ModuleNotFoundError: No module named 'a_package_that_nobody_has'\n"
    )


@pytest.mark.parametrize(
    "line",
    ["describe disputed", "describe deep:disputed", "run --engine inline --arch lstm,disputed --task echo --quiet"],
)
def test_naming_what_two_packages_bring_is_an_error_that_names_both(answers, line):
    code, out, err = answers[line]
    assert (code, out) == (2, "")
    assert err == (
        "harness: architecture 'disputed' is brought by harness-stranger 1.2 and harness-twin 0.3: "
        "uninstall one of them.\n"
    )


def test_what_is_broken_or_disputed_harms_no_command_that_does_not_name_it(answers):
    code, out, err = answers["describe lstm"]
    assert (code, err) == (0, "")
    assert out.startswith("architecture lstm\n")
