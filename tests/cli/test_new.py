"""`harness new`: what is written works as it is, overwrites nothing, and takes no name that something else has."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
import tomllib
from pathlib import Path

import pytest

from harness.testing.worker import answers

HARNESS = Path(sysconfig.get_path("scripts")) / "harness"
PIP = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
RUFF = ("-m", "ruff", "check", "--isolated", "--no-cache", ".")
KINDS = pytest.mark.parametrize(("kind", "name"), [("arch", "my_cell"), ("task", "echo_2")])


@KINDS
def test_the_file_keeps_every_promise_as_it_is_and_its_test_passes(kind, name, harness, folder, python):
    said = harness(f"new {kind} {name}")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"wrote {name}.py, test_{name}.py\n\nnext:\n  harness check ./{name}.py\n")
    assert {file.name for file in folder.iterdir()} == {f"{name}.py", f"test_{name}.py"}
    _, *found = answers(f"./{name}.py", None, {})
    assert {each["found"]["status"] for each in found} <= {"kept", "skipped"}
    assert "passed" in python("-m", "pytest", "-q", f"test_{name}.py", cwd=folder).stdout


@KINDS
@pytest.mark.parametrize("package", ["", "--package"])
def test_what_is_written_calls_itself_by_the_name_asked_for_and_passes_the_linter(
    kind, name, package, harness, folder, python
):
    name = f"{name}_x"
    harness(f"new {kind} {name} {package}")
    text = "".join(file.read_text() for file in folder.rglob("*") if file.is_file())
    for left in ("MyTask", "my_task", "MyPlugin", "my_plugin", "my-plugin", "KIND", "NEXT"):
        assert left not in text
    if importlib.util.find_spec("ruff"):
        python(*RUFF, cwd=folder / name if package else folder)


def test_nothing_is_overwritten(harness, refused, folder):
    (folder / "test_my_cell.py").write_text("mine")
    assert "test_my_cell.py exists already, and no file is overwritten" in refused("new arch my_cell")
    assert [file.name for file in folder.iterdir()] == ["test_my_cell.py"]
    (folder / "my_task").mkdir()
    assert "my_task exists already" in refused("new task my_task --package")
    assert harness("new task my_task").code == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("new arch lstm", "'lstm' is taken: `harness list` shows the architecture of that name."),
        ("new task gru", "'gru' is taken: `harness list` shows the architecture of that name."),
        ("new arch json", "'json' is taken: Python imports another module by that name."),
        ("new task torch", "'torch' is taken: Python imports another module by that name."),
        ("new arch tensor", "'tensor' is taken: the file uses Tensor for something else."),
        ("new arch My-Cell", "'My-Cell' cannot be the name of a module"),
        ("new arch class", "'class' cannot be the name of a module"),
        ("new arch ../cell", "'../cell' cannot be the name of a module"),
        ("new cell mine", "invalid choice: 'cell'"),
        ("new arch", "the following arguments are required: name"),
    ],
)
def test_a_name_that_is_none_or_is_taken_is_refused(line, complaint, refused, folder):
    assert complaint in refused(line)
    assert list(folder.iterdir()) == []


def test_the_entry_point_of_a_package_names_the_class(harness, folder):
    harness("new task my_task --package")
    project = tomllib.loads((folder / "my_task" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "harness-my-task"
    assert project["entry-points"]["harness.tasks"] == {"my_task": "my_task.task:MyTask"}
    assert "harness check my_task" in (folder / "my_task" / ".github" / "workflows" / "test.yml").read_text()


@pytest.mark.slow
def test_a_package_is_installed_found_checked_run_compared_and_reported(harness, folder, python, empty_store):
    for line in ("new arch my_cell --package", "new task my_task --package"):
        assert harness(line).code == 0
    shutil.copy(empty_store, folder / "mlflow.db")
    shutil.copytree(folder, sources := folder / "sources", ignore=shutil.ignore_patterns("sources"))  # built in place
    python(*PIP, "--target", folder / "installed", sources / "my_cell", sources / "my_task", cwd=sources)

    def ran(line):
        return python(HARNESS, *line.split(), cwd=folder, path=folder / "installed").stdout

    listed = ran("list")
    assert "[harness-my-cell 0.1.0]" in listed
    assert "[harness-my-task 0.1.0]" in listed
    assert ran("list --broken") == "Every plugin can be imported.\n"
    checked = ran("check my_cell deep:my_cell my_task")
    assert "BROKEN" not in checked
    assert checked.count(" promises: ") == 3
    budget = "--length 5 --steps 20 --validation-sequences 20 --test-sequences 20 --engine inline"
    assert "my_cell" in ran(f"run --arch my_cell,lstm --task my_task --params 3k --seeds 2 {budget}")
    assert "my_cell" in ran("compare my_cell lstm")
    report = ran("report --format md").strip()
    assert "my_cell" in (folder / report).read_text()
    tests = python("-m", "pytest", "-q", cwd=folder / "my_cell", path=folder / "installed").stdout
    assert "21 passed" in tests


def test_a_new_study_is_well_formed_and_has_seeds_enough(harness, folder):
    said = harness("new study my_hypothesis")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("wrote my_hypothesis.toml\n\nnext:\n  harness study check ./my_hypothesis.toml\n")
    assert "harness study run ./my_hypothesis.toml" in (folder / "my_hypothesis.toml").read_text()
    checked = harness("study check ./my_hypothesis.toml")
    assert checked.code == 0, checked.err
    assert "the study has 6, enough" in checked.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("new study my_hypothesis --package", "A study is one file: leave out --package."),
        ("new study ../mine", "'../mine' cannot be the name of a study: a name has letters"),
    ],
)
def test_a_study_is_one_file_with_a_name_of_its_own(line, said, refused, folder):
    assert said in refused(line)
    (folder / "mine.toml").touch()
    assert "mine.toml exists already, and no file is overwritten" in refused("new study mine")
