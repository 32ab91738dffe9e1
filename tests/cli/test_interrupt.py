"""Ctrl-C and failing stores at any moment: what is finished is kept, the same command does the rest, nobody is left."""

import contextlib
import json
import multiprocessing
import os
import signal
import sqlite3
import time

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from harness.process.interrupt import defer_interrupts

TINY = "--steps 3 --batch 4 --validation-sequences 8 --test-sequences 8"

SLOW = pytest.mark.slow  # the same promise under another signal

WAITS = """
import os, signal, time
from pathlib import Path
import torch
from torch import nn


class Waits(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        if torch.is_grad_enabled() and x.shape[1] == 22 and os.path.exists("what"):  # at length 2
            self.act(Path("what").read_text())
        return self.rnn(x)

    def act(self, what):
        os.remove("what")
        if what != "wait":
            os.kill(os.getpid(), int(what))
        print("waiting")
        Path("waiting").touch()
        while True:
            time.sleep(0.05)
"""


@pytest.fixture
def waits(here):
    """The name of an architecture that, once, at length 2, sends itself a signal or waits for ever."""
    (here / "waits.py").write_text(WAITS)
    (here / "what").write_text("wait")
    return "./waits.py"


def statuses(said):
    return {record["spec"]["length"]: record["status"] for record in json.loads(said.out)}


INTERRUPTED = (130, "", "loading torch, Lightning and MLflow ...\n\nharness: interrupted\n")


def test_ctrl_c_while_everything_is_loaded_ends_it_at_once(start):
    running = start(f"run --arch rnn --task copy {TINY}")
    running.wait_for("loading torch")
    time.sleep(0.5)  # into the imports, here and in the fork server
    running.press()
    assert running.end() == INTERRUPTED
    assert not running.left_behind()


def test_ctrl_c_is_heard_in_imports_that_swallow_it_as_numpys_does(start, here):
    text = "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    pass\n"
    (here / "swallows.py").write_text(text)
    assert start(f"run --arch ./swallows.py --task copy {TINY}").end() == INTERRUPTED


@pytest.mark.parametrize("how", ["ctrl-c", pytest.param("SIGTERM", marks=SLOW), pytest.param("SIGKILL", marks=SLOW)])
def test_ending_a_training_in_worker_processes_keeps_what_is_finished(how, start, waits, here, harness):
    line = f"run --arch {waits} --task copy --length 2,3 {TINY} --json"
    running = start(f"{line} --jobs 1")
    running.wait_for("waiting", where=lambda: " ".join(os.listdir(here)))
    running.wait_for("length 2, seed 0: started")
    running.press(signal.SIGINT) if how == "ctrl-c" else running.process.send_signal(getattr(signal, how))
    said = running.end()
    assert not running.left_behind()
    assert "Traceback" not in said.err
    if how == "SIGKILL":
        assert said.code == -signal.SIGKILL
    else:
        assert said.code == 130
        assert statuses(said) == {2: "interrupted", 3: "ok"}
        assert "1 of 2 runs is missing: the same command runs the rest." in said.err
    again = harness(f"{line} --engine inline")
    assert "2 runs planned, 1 finished before" in again.err
    assert (again.code, statuses(again)) == (0, {2: "ok", 3: "ok"})


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ending_a_training_in_the_same_process_keeps_what_is_finished(sign, waits, here, harness):
    (here / "what").write_text(str(int(sign)))
    line = f"run --arch {waits} --task copy --length 2,3 {TINY} --json --engine inline"
    said = harness(line)
    assert (said.code, statuses(said)) == (130, {2: "interrupted", 3: "ok"})
    assert "Traceback" not in said.err
    again = harness(line)
    assert "2 runs planned, 1 finished before" in again.err
    assert (again.code, statuses(again)) == (0, {2: "ok", 3: "ok"})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ctrl-c", "the driver alone", "SIGKILL"])
def test_ending_a_sitting_of_bench_leaves_nobody_and_nothing_and_says_so(how, start, here, monkeypatch):
    temporary = here / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    running = start("bench --arch rnn --length 50 --batch 32 --hidden 64 --rounds 10000 --save x")
    running.wait_for("process 1 of 3")
    running.wait_for("harness-bench-", where=lambda: " ".join(os.listdir(temporary)))
    if how == "ctrl-c":
        running.press(signal.SIGINT)
    else:
        running.process.send_signal(signal.SIGKILL if how == "SIGKILL" else signal.SIGINT)
    said = running.end()
    assert not running.left_behind()
    assert not (here / "bench").exists()
    assert "Traceback" not in said.err
    if how == "SIGKILL":
        assert said.code == -signal.SIGKILL
    else:
        assert (said.code, said.out) == (130, "")
        assert said.err.count("none of its measurements is kept: the same command measures again.") == 1
        assert not list(temporary.glob("harness-bench-*"))


FINISHING = 7  # the call that writes the first record, after four for the sweep and two for the run's beginning


class At:
    """Does something at one of the calls that write to the store, or at all from then on."""

    def __init__(self, monkeypatch, act, lasting=False):
        self.calls, self.turn, self.lasting = 0, -1, lasting
        monkeypatch.setattr("harness.sweeps.driver._SECONDS_BETWEEN_TRIES", 0)
        for name in ("create_run", "log_batch", "set_tag", "set_terminated", "delete_run", "set_experiment_tag"):
            monkeypatch.setattr(MlflowClient, name, self.counted(getattr(MlflowClient, name), act))

    def counted(self, method, act):
        def call(*args, **kwargs):
            self.calls += 1
            if self.calls == self.turn or (self.lasting and self.calls > self.turn > 0):
                act()
            return method(*args, **kwargs)

        return call


def points(folder):
    """What the dashboard draws: run name, and length and number of points of its accuracy."""
    query = """
        select runs.name, step, count(*) from runs join metrics using (run_uuid)
        where key = 'accuracy_by_length' and lifecycle_stage = 'active' group by 1, 2 order by 1, 2
    """
    store = sqlite3.connect(folder / "mlflow.db")
    found = store.execute(query).fetchall()
    store.close()
    return found


def restore(original, copy):
    """Gives a database the content of another through SQLite, so that open connections notice."""
    with contextlib.closing(sqlite3.connect(original)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def fail():
    raise MlflowException("database or disk is full")


@pytest.mark.parametrize(
    "every", [4, pytest.param(1, marks=pytest.mark.slow)], ids=["every fourth write", "every write"]
)
@pytest.mark.parametrize(
    ("act", "lasting", "allowed"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGINT), False, {130}),
        (fail, False, {0, 1}),  # what is done retry_until_store_answers is done the second time
        (fail, True, {0, 1}),  # that the sweep has ended need not be written
    ],
    ids=["ctrl-c", "a moment without the store", "full disk"],
)
def test_whatever_happens_at_any_write_the_same_command_does_the_rest(
    act, lasting, allowed, every, here, harness, empty_store, monkeypatch
):
    line = f"run --arch rnn --task copy --length 2,3 {TINY} --engine inline"
    monkeypatch.setattr("harness.sweeps.driver._SECONDS_FOR_A_FILE", 0 if lasting else 10)
    at = At(monkeypatch, act, lasting)
    codes = []
    acted = True
    while acted:
        restore(empty_store, here / "mlflow.db")
        at.calls, at.turn = 0, 1 + len(codes) * every
        said = harness(line)
        codes.append(said.code)
        acted, at.turn = at.calls >= at.turn, -1
        assert "Traceback" not in said.err
        again = harness(line)
        assert again.code == 0, again.err
        assert points(here) == [("chance", 2, 1), ("chance", 3, 1), ("rnn seed=0", 2, 1), ("rnn seed=0", 3, 1)]
    assert len(codes) > 12 // every
    seen = set(codes[:-1])
    assert seen == allowed or (every > 1 and seen < allowed)  # some writes only
    assert codes[-1] == 0


def test_a_record_that_is_being_written_is_written_whole(here, harness, monkeypatch):
    at = At(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    at.turn = FINISHING
    said = harness(f"run --arch rnn --task copy --length 2,3 {TINY} --engine inline --json")
    assert (said.code, statuses(said)) == (130, {3: "ok"})


def test_no_worker_outlives_a_store_that_fails(here, waits, harness, monkeypatch):
    monkeypatch.setattr("harness.sweeps.driver._SECONDS_FOR_A_FILE", 0)
    At(monkeypatch, fail, lasting=True).turn = FINISHING  # length 3 has ended; length 2 is waiting
    said = harness(f"run --arch {waits} --task copy --length 2,3 {TINY} --jobs 1")
    assert said.code == 1
    assert not multiprocessing.active_children()


def pressed(times):
    """What was done of a block in which Ctrl-C is pressed a number of times."""
    done = []
    with contextlib.suppress(KeyboardInterrupt):
        with defer_interrupts():
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
            done.append("all of it")
        done.append("what comes after")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return done


def test_ctrl_c_is_defer_interrupts_from_what_must_not_be_cut_in_half():
    assert pressed(0) == ["all of it", "what comes after"]
    assert pressed(1) == ["all of it"]


def test_a_second_ctrl_c_is_not_defer_interrupts():
    assert pressed(2) == []
