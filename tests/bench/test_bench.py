"""`harness bench` as a person meets it: refusals in this process, one small session in its own."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from harness.bench.preflight import Preflight
from harness.bench.request import PASSES, Request
from harness.bench.session import _environment_of, measure
from harness.cli.main import main
from harness.errors import UsageError
from harness.spec import RunSpec
from harness.tracking.measurements import load_measurements
from harness.tracking.store import Store

SMALL = ["--length", "5", "--batch", "2", "--hidden", "4", "--processes", "1", "--rounds", "1"]


def said(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["bench", *map(str, arguments)])
    return code, out.getvalue(), err.getvalue()


def test_several_executions_are_rows_of_their_own(folder, monkeypatch):
    asked = []

    def measure(request, *_, **__):
        asked.append(request)
        raise UsageError("enough")

    monkeypatch.setattr("harness.bench.session.measure", measure)
    said("--arch", "mgu", "--execution", "eager,compile", *SMALL)
    said("--arch", "mgu", "--execution", "compile", *SMALL)
    several, one = ([(spec.label, spec.execution) for spec in request.specs] for request in asked)
    assert several == [("mgu execution=eager", "eager"), ("mgu execution=compile", "compile")]
    assert one == [("mgu", "compile")]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--arch", "lstmm"], "Did you mean 'lstm'"),
        (["--task", "addin", "--arch", "lstm"], "Did you mean 'adding'"),
        (["--arch", "lstm", "--compare", "before"], "No saved measurement 'before'"),
        (["--fail-on", "slower:10%"], "--compare NAME"),
        (["--fail-on", "faster:10%", "--compare", "x"], "slower:10%"),
        (["--fail-on", "slower:ten%", "--compare", "x"], "slower:10%"),
        (["--fail-on", "slower:10", "--compare", "x"], "slower:10%"),
        (["--device", "cuda"], "there is no such device here"),
        (["--length", "0"], "at least 1"),
        (["--execution", "eager,fast"], "compile"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_measured(folder, monkeypatch, arguments, complaint):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, out, err = said(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert "Traceback" not in err
    assert list(Path().glob("mlflow.db*")) == []


def test_a_measurement_at_other_settings_is_refused(folder, session):
    session(0).save(Path("bench/before.json"))
    code, _, err = said("--compare", "before", "--arch", "rnn", "--task", "adding", "--length", 10, "--hidden", 96)
    assert code == 2
    assert "other settings: architecture_options" in err


def test_the_settings_of_somebody_elses_tests_are_kept_from_the_suite():
    theirs = {
        "PYTEST_ADDOPTS": "-x",
        "PYTEST_PLUGINS": "mine",
        "PYTHONPATH": "/mine",
        "HOME": "/home",
        "OMP_NUM_THREADS": "8",
    }
    clean = _environment_of(theirs, Request((), threads=2), Path("asked"))
    assert clean["HOME"] == "/home"
    assert clean["OMP_NUM_THREADS"] == "2"
    assert not {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONPATH"} & clean.keys()


def test_without_anything_that_works_there_is_nothing_to_time_and_every_row_has_its_reason(monkeypatch):
    spec = RunSpec("rnn", "adding", 10, label="rnn")
    broken = [Preflight("rnn", 10, "no weights", "error")]
    monkeypatch.setattr("harness.bench.session.preflights", lambda request, limit: broken)
    measured = measure(Request((spec,)), lambda line: None, 1)
    assert [row.reason for row in measured.rows] == ["no weights"] * 3
    assert measured.sessions == []


def test_as_many_calls_are_made_in_a_turn_as_in_the_session_that_is_compared_with(monkeypatch):
    """The best of more calls is shorter, and a disturbed look must not decide how many there are."""
    spec = RunSpec("rnn", "adding", 10, label="rnn")
    disturbed = [Preflight("rnn", 10, seconds=dict.fromkeys(PASSES, 1.0))]
    monkeypatch.setattr("harness.bench.session.preflights", lambda request, limit: disturbed)
    monkeypatch.setattr("harness.bench.session._session", lambda request: ({"benchmarks": []}, ""))
    measured = measure(Request((spec,), seconds={"rnn|10|step": 0.01, "gone|10|step": 1.0}), lambda line: None, 1)
    assert measured.request.seconds == {"rnn|10|forward": 1.0, "rnn|10|backward": 1.0, "rnn|10|step": 0.01}


@pytest.mark.slow
def test_a_small_session_is_shown_saved_and_recorded_whatever_tests_the_user_has(folder, empty_store, python):
    """A cell in a file that fails at one length; a conftest.py and a pytest.ini that would break any suite."""
    import shutil

    shutil.copy(empty_store, "mlflow.db")
    Path("conftest.py").write_text("raise RuntimeError('mine')\n")
    Path("pytest.ini").write_text("[pytest]\naddopts = --no-such-flag\n")
    Path("short.py").write_text(
        "from torch import nn\n\nclass Short(nn.Module):\n"
        "    def __init__(self, input_size, hidden_size):\n        super().__init__()\n"
        "        self.layer = nn.Linear(input_size, hidden_size)\n"
        "    def forward(self, x):\n"
        "        if x.shape[1] > 7:\n            raise ValueError('too long for me')\n"
        "        return self.layer(x)\n"
    )
    line = ["--arch", "./short.py,lstm", "--length", "5,8", "--batch", "2", "--hidden", "4", "--processes", "1"]
    bench = ["-m", "harness.cli.main", "bench", "--rounds", "2", "--memory", "--json", "--quiet"]
    done = python(*bench, *line, "--save", "before", cwd=folder)
    rows = json.loads(done.stdout)["rows"]
    assert [(row["label"], row["length"], row["kind"]) for row in rows] == [
        (label, length, kind) for label in ("short", "lstm") for length in (5, 8) for kind in PASSES
    ]
    failed = [row for row in rows if row["reason"]]
    assert {(row["label"], row["length"]) for row in failed} == {("short", 8)}
    assert all("too long for me (short.py:9)" in row["reason"] for row in failed)
    assert all(row["seconds"] > 0 for row in rows if not row["reason"])

    assert Path("bench/before.json").is_file()
    recorded = load_measurements(Store("sqlite:///mlflow.db"), ["lstm"])
    assert {(row.length, row.kind) for row in recorded} == {(n, kind) for n in (5, 8) for kind in PASSES}

    again = python(*bench, "--compare", "before", "--fail-on", "slower:50%", cwd=folder)
    assert {one["verdict"] for one in json.loads(again.stdout)["changes"]} == {"same"}
