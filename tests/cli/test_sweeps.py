"""`harness status`, `show` and `retry`: a sweep after it was run."""

import json

import pytest

from harness.discovery import source

SMALL = "--steps 20 --validation-sequences 8 --test-sequences 8 --set hidden_size=4 --engine inline --quiet"
CELL = """
from torch import nn

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.steps = 0
        self.kernel = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        self.steps += 1
        if self.steps > {most}:
            raise RuntimeError("worn out")
        return self.kernel(x)
"""


@pytest.fixture
def swept(harness, here):
    """A sweep in which rnn is well and a loose cell fails."""
    (here / "cell.py").write_text(CELL.format(most=8))
    line = f"run --arch rnn ./cell.py --task copy --length 2,3 {SMALL}"
    assert harness(line).code == 1
    return line


def status(harness):
    return json.loads(harness("status --json").out)


def test_status_counts_runs_and_names_the_cause_of_failures(harness, swept):
    said = harness("status")
    assert said.code == 0
    assert swept in said.out.replace("\n", "")
    assert "RuntimeError: worn out (cell.py:13)" in " ".join(said.out.split())
    assert "harness retry" in said.out
    rows = {row["architecture"]: row for row in status(harness)["rows"]}
    assert (rows["rnn"]["planned"], rows["rnn"]["ok"]) == (2, 2)
    assert (rows["cell"]["planned"], rows["cell"]["failed"]) == (2, 2)


def test_sweeps_and_runs_list_what_the_store_holds(harness, swept):
    assert swept in " ".join(harness("sweeps").out.split())
    said = harness("runs").out
    shown = {row["architecture"]: row["identity"] for row in json.loads(harness("runs --json").out)}
    assert shown.keys() == {"rnn", "cell"}
    assert all(identity[:8] in said for identity in shown.values())
    assert harness(f"show {shown['rnn']}").code == 0


def test_status_without_records_says_how_to_begin_and_makes_no_store(harness, folder):
    said = harness("status")
    assert said.code == 1
    assert "no records yet: harness run" in said.err
    assert list(folder.iterdir()) == []


def test_retry_runs_the_failed_ones_alone_as_new_attempts(harness, swept, here, monkeypatch):
    before = status(harness)
    assert harness("retry --engine inline --quiet").code == 1
    assert status(harness) == before
    said = harness("retry --engine inline --quiet --json")
    assert [r["status"] for r in json.loads(said.out)] == ["ok", "error", "ok", "error"]


def test_retry_says_when_there_is_nothing_to_try(harness, swept):
    said = harness("retry --status timeout --engine inline --quiet")
    assert said.code == 2
    assert "no runs that ended with timeout" in said.err
    assert "No status 'tmeout'. Did you mean 'timeout'?" in harness("retry --status tmeout").err


def test_retry_leaves_changed_code_to_the_command_that_ran_it(harness, swept, here):
    (here / "cell.py").write_text(CELL.format(most=8000))
    source.fingerprint.cache_clear()
    said = harness("retry --engine inline --quiet")
    assert said.code == 2
    assert f"harness {swept}" in said.err
    rows = {row["architecture"]: row for row in status(harness)["rows"]}
    assert rows["cell"]["outdated"] == 2


def test_results_of_older_code_are_marked_wherever_they_are_shown(harness, here):
    (here / "cell.py").write_text(CELL.format(most=8000))
    line = f"run --arch rnn ./cell.py --task copy --length 2,3 {SMALL}"
    assert harness(line).code == 0
    assert "outdated" not in harness("runs").out
    assert "older code" not in harness("report --format term").out
    (here / "cell.py").write_text(CELL.format(most=9000))
    source.fingerprint.cache_clear()

    rows = json.loads(harness("runs --json").out)
    assert {(row["architecture"], row["outdated"]) for row in rows} == {("cell", True), ("rnn", False)}
    listed = harness("runs")
    assert [line for line in listed.out.splitlines() if line.endswith("(outdated)") != ("cell" in line)] == []
    assert "the plugin's code has changed since" in listed.err
    cell, rnn = (next(row["identity"] for row in rows if row["architecture"] == name) for name in ("cell", "rnn"))
    shown = harness(f"show {cell}").out
    assert "outdated: cell has changed since this run" in shown
    assert shown.splitlines()[-1] == "  (trains with today's code of cell, not with the recorded one)"
    assert json.loads(harness(f"show {cell} --json").out)["outdated"] is True
    assert "today's code" not in harness(f"show {rnn}").out

    said = "2 of 4 runs were computed with older code of cell."
    assert said in harness("report --format term").out
    assert said in harness("compare rnn cell").err
    for path in harness("report --format html,md,json,notebook").out.splitlines():
        assert said in (here / path).read_text() or json.loads((here / path).read_text())["outdated"][cell] == ["cell"]
    looked = harness(f"inspect {cell} --quiet")
    assert looked.code != 0
    assert "./cell.py has changed since the run was planned" in looked.err
    assert said in harness(f"{line} --reuse any").out
    assert "older code" not in harness(line).out


def test_show_tells_all_about_a_run_and_how_to_repeat_it(harness, swept):
    name = status(harness)["failures"][0]["identity"]
    said = harness(f"show {name[:8]}")
    assert said.code == 0
    assert "error: RuntimeError: worn out (cell.py:13)" in said.out
    assert "hidden_size: 4" in said.out
    assert "version.torch" in said.out


@pytest.mark.parametrize("options", ["", "--lr 0.01 --test-length 5 --set symbols=4 --set relu=true --first-seed 3"])
def test_the_command_that_show_names_repeats_the_run(harness, here, options, monkeypatch):
    options = options.replace("--set relu=true", "--set nonlinearity=relu")
    first = json.loads(harness(f"run --arch rnn --task copy --length 2 {SMALL} --json {options}").out)
    shown = json.loads(harness(f"show {first[0]['identity']} --json").out)
    line = shown["command"].removeprefix("harness ")
    again = json.loads(harness(f"{line} --engine inline --quiet --json").out)
    assert again[0]["identity"] == first[0]["identity"]
    assert again[0]["scores"] == first[0]["scores"]
    assert again[0]["curve"] == first[0]["curve"]
