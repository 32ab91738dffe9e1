"""What is shown while a sweep goes on."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import Progress as Rich
from rich.progress import TextColumn

from harness.record import Progress, Record, Scores
from harness.sweeps import progress as _progress


@pytest.fixture
def runs(small):
    return {str(seed): small(seed=seed, steps=100) for seed in range(3)}


@pytest.fixture
def ended(runs):
    def make(key, status="ok"):
        scores = {3: Scores(0.5, 1.0, 0.0)} if status == "ok" else {}
        return Record(runs[key], status, "no luck", scores=scores, chances={3: 0.125}, steps=100, seconds=2.0)

    return make


LOOK = Progress(50, 0.25, 0.4, 12345.0)


def test_lines_tell_what_begins_goes_on_and_ends(runs, ended, capsys, monkeypatch):
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_LINES", 0)
    shown = _progress.Lines()
    shown.planned(runs, {"0": ended("0")})
    shown.started("1")
    shown.progressed("1", LOOK)
    shown.ended("1", ended("1"))
    shown.ended("2", ended("2", "error"))
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0] == "3 runs planned, 1 finished before"
    assert lines[1] == "lstm on copy, length 3, seed 1: started"
    assert "step 50/100 loss 0.25, validation 40.0%, 12,345 tokens/s" in lines[2]
    assert lines[2].endswith("left")
    said = "test accuracy 50.0% (chance 12.5%), threshold not reached in 100 steps (validation), 2.0 s"
    assert lines[3] == f"[2/3] lstm on copy, length 3, seed 1: {said}"
    assert lines[4] == "[3/3] lstm on copy, length 3, seed 2: error: no luck"


def test_solved_is_said_to_be_judged_by_validation(ended):
    record = ended("0")
    record.steps_to_solve = 40
    assert "test accuracy 50.0% (chance 12.5%), threshold reached after 40 steps (validation)" in _progress.result(
        record
    )


def test_a_run_says_why_its_cell_was_not_compiled(ended):
    record = ended("0")
    record.environment["kernel"] = "installed loop (gcc 12); torch, step by step (it draws random numbers (rand))"
    assert _progress.result(record).endswith(", 2.0 s; not compiled: it draws random numbers (rand)")


def test_lines_are_not_many(runs, capsys):
    shown = _progress.Lines()
    shown.planned(runs, {})
    shown.started("0")
    for _ in range(1000):
        shown.progressed("0", LOOK)
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_bars_show_every_running_run_and_all_of_them(runs, ended):
    out = io.StringIO()
    columns = TextColumn("{task.description} {task.completed}/{task.total} {task.fields[look]}")
    with Rich(columns, console=Console(file=out, width=160, force_terminal=True)) as bars:
        shown = _progress.Bars(bars)
        shown.planned(runs, {"0": ended("0")})
        shown.started("1")
        shown.started("2")
        shown.progressed("1", LOOK)
        bars.refresh()
        assert bars.tasks[0].description == "all runs"
        assert len(bars.tasks) == 3
        shown.ended("1", ended("1"))
        assert len(bars.tasks) == 2
        assert bars.tasks[0].completed == 2
    assert "validation 40.0%" in out.getvalue()
    assert "accuracy 50.0% (chance 12.5%)" in out.getvalue()


def test_the_time_left_comes_from_the_work_done_so_far(runs, monkeypatch):
    clock = iter([100.0, 130.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    pace = _progress.Pace(runs, done=0)
    pace.started()
    pace.ended("0")
    pace.progressed("1", LOOK)
    assert pace.left() == "30 s"  # half of the work took 30 s


def test_without_a_terminal_there_are_lines(capsys):
    with _progress.display() as shown:
        assert isinstance(shown, _progress.Lines)


def test_a_solved_hidden_size_is_shown_before_anything_is_trained(small):
    solved = (("lstm", 30, 5), ("gru", 35, 5), ("gru", 36, 10))
    runs = [small(label=label, hidden_size=size, asked={"params": 5000}, length=n) for label, size, n in solved]
    assert _progress.solved_sizes(runs) == ["hidden_size for 5,000 parameters on copy: lstm 30, gru 35..36"]
    assert _progress.solved_sizes([small()]) == []


def test_a_notebook_has_its_lines_on_standard_output(monkeypatch, capsys):
    """What is on standard error looks like a failure there."""
    _progress.say("one")
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=object()))
    _progress.say("two")
    assert capsys.readouterr() == ("two\n", "one\n")
