"""Whatever is typed, and whatever a plugin does: a clear message, an exit code, no harm to others."""

import json
import sqlite3
import time
from pathlib import Path

import pytest
import torch

TINY = "--steps 3 --batch 4 --validation-sequences 8 --test-sequences 8 --engine inline"
COPY = "run --arch rnn --task copy --length 2"

CELLS = """
import ctypes, os, sys, time
import torch
from torch import nn


class Base(nn.Module):
    after = 2

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.steps = 0

    def forward(self, x):
        self.steps += torch.is_grad_enabled()
        return self.act(self.rnn(x)[0]) if self.steps > self.after else self.rnn(x)[0]


class Constructor(Base):
    def __init__(self, input_size, hidden_size):
        raise RuntimeError("no weights today")


class Forward(Base):
    after = -1

    def act(self, out):
        raise RuntimeError("cannot go forward\\nnor backward")


class Later(Base):
    after = 100

    def act(self, out):
        raise RuntimeError("tired")


class NotFinite(Base):
    after = -1

    def act(self, out):
        return out / 0


class NotFiniteLater(Base):
    def act(self, out):
        return out / 0


class Leaves(Base):
    def act(self, out):
        sys.exit(0)


class Segfaults(Base):
    def act(self, out):
        ctypes.string_at(0)


class Exits(Base):
    def act(self, out):
        os._exit(0)


class Prints(Base):
    def act(self, out):
        print("a plugin's noise", flush=True)
        os.write(2, b"a plugin's noise")
        return out


class Forks(Base):
    def act(self, out):
        if not os.path.exists("child"):
            child = os.fork()
            if child == 0:
                time.sleep(1000)
            open("child", "w").write(str(child))
        return out


class Hangs(Base):
    def act(self, out):
        time.sleep(1000)
"""


@pytest.fixture
def cells(here):
    """Names of the classes above as --arch takes them."""
    (here / "cells.py").write_text(CELLS)
    return lambda *names: ",".join(f"./cells.py:{name}" for name in names)


def is_ended(pid):
    """Whether a process is gone, or at most waits for its parent to take note of its end."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)  # being killed takes a moment
    return False


def statuses(said):
    return {record["spec"]["label"]: record["status"] for record in json.loads(said.out)}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("run --arch lstmm --task copy", "No architecture 'lstmm'. Did you mean 'lstm'"),
        ("run --arch deep:lstmm --task copy", "No architecture 'lstmm'. Did you mean 'lstm'"),
        ("run --arch lstm:deep --task copy", "'lstm' wraps nothing"),
        ("run --arch lstm --task copi", "No task 'copi'. Did you mean 'copy'?"),
        ("run --arch ./none.py --task copy", "There is no file "),
        ("run --arch lstm --task copy --set forget_bais=1", "Did you mean 'forget_bias'?"),
        ("run --arch lstm --task copy --set forget_bias=high", "forget_bias takes float, got 'high'"),
        ("run --arch rnn --task copy --set nonlinearity=relux", "takes tanh | relu, got 'relux'"),
        ("run --arch rnn --task copy --set hidden_size=0", "hidden_size must be at least 1, got 0"),
        ("run --arch rnn --task copy --set hidden_size", "takes name=value, got 'hidden_size'"),
        ("run --arch rnn,deep:rnn --task copy --set depth=2", "is an option of deep:rnn but not of rnn"),
        ("run --arch deep:rnn --task copy --set dropout=0,3", "dropout must be at least 0 and below 1, got 3.0"),
        ("run --arch rnn --task copy --set alphabet=1", "alphabet >= 2, got alphabet=1"),
        ("run --arch rnn --task copy --length 0", "--length: must be at least 1, got 0"),
        ("run --arch rnn --task copy --length 1_000_000", "takes lengths from 1 to 100,000, got 1,000,000"),
        ("run --arch rnn --task copy --test-length 1e6", "takes lengths from 1 to 100,000, got 1,000,000"),
        ("run --arch rnn --task adding --length 3", "adding: takes lengths from 4, got 3"),
        ("run --arch rnn --task copy --length ten", "takes a whole number such as 5000 or 5k, got 'ten'"),
        ("run --arch rnn --task copy --seeds 0", "--seeds: must be at least 1, got 0"),
        (
            "run --arch rnn --task copy --length 2 --seeds 1e12",
            "makes 1,000,000,000,000 runs, and 100,000 are the most",
        ),
        ("run --arch rnn --task copy --batch 1.5", "takes a whole number such as 5000 or 5k, got '1.5'"),
        ("run --arch rnn --task copy --lr nan", "--lr: must be a number above 0, got nan"),
        ("run --arch rnn --task copy --clip -1", "--clip: must be 0 or a number above 0, got -1"),
        ("run --arch rnn --task copy --timeout 5", "--timeout and --jobs need worker processes"),
        ("run --arch rnn", "the following arguments are required: --task"),
        ("run --arch rnn --task copy --stpes 5", "Unknown flag --stpes. Did you mean --steps?"),
        ("run --arhc rnn --task copy", "Unknown flag --arhc. Did you mean --arch?"),
        ("list rnn", "unrecognized arguments: rnn"),
        ("--verison", "Unknown flag --verison. Did you mean --version?"),
        ("rnu", "invalid choice: 'rnu'"),
        ("describe lstmm", "No architecture or task 'lstmm'. Did you mean 'lstm'"),
        ("describe ./none.py", "There is no file "),
        ("dashboard --port 70000", "--port: must be from 1 to 65,535, got 70000"),
    ],
)
def test_a_wrong_request_is_refused_in_a_line_or_two_before_anything_is_trained(line, complaint, refused, here):
    assert complaint in refused(f"{line} {TINY}" if line.startswith("run") else line)
    with sqlite3.connect(here / "mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone() == (0,)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused(refused, here):
    assert "--device cuda: there is no such device here. There is: cpu." in refused(f"{COPY} --device cuda")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("here be no python", "SyntaxError: invalid syntax"),
        ("\0\x01", "source code string cannot contain null bytes"),
        ("raise RuntimeError('first line\\nsecond\\nthird\\nfourth')", "RuntimeError: first line second"),
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("x = 1", "no class of its own with a constructor (input_size, hidden_size)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_cause(text, complaint, refused, here):
    (here / "cell.py").write_text(text)
    said = refused(f"run --arch ./cell.py --task copy {TINY}")
    assert complaint in said
    assert "cell" in said


def test_a_plugin_that_raises_is_a_record_with_a_traceback_and_harms_no_other(harness, cells):
    bad = cells("Constructor", "Forward", "Later", "NotFinite", "NotFiniteLater", "Leaves")
    said = harness(f"run --arch {bad},gru --task copy --length 2 {TINY} --steps 110 --json")
    found = {record["spec"]["label"]: record for record in json.loads(said.out)}
    assert said.code == 1
    assert {label: (record["status"], record["reason"]) for label, record in found.items()} == {
        "Constructor": ("error", "RuntimeError: no weights today (cells.py:22)"),
        "Forward": ("error", "RuntimeError: cannot go forward (cells.py:29)"),
        "Later": ("error", "RuntimeError: tired (cells.py:36)"),
        "NotFinite": ("refused", found["NotFinite"]["reason"]),
        "NotFiniteLater": ("diverged", found["NotFiniteLater"]["reason"]),
        "Leaves": ("error", "the plugin called sys.exit(0) (cells.py:53)"),
        "gru": ("ok", ""),
    }
    assert "not finite before training" in found["NotFinite"]["reason"]
    assert "at step 3" in found["NotFiniteLater"]["reason"]
    assert found["Later"]["steps"] == 100
    assert 'cells.py", line' in found["Later"]["traceback"]
    assert "Traceback" not in said.err


def test_a_plugin_that_dies_hangs_or_makes_noise_harms_no_other(harness, cells, here, capfd):
    bad = cells("Segfaults", "Exits", "Prints", "Forks", "Hangs")
    line = f"run --arch {bad},gru --task copy --length 2 {TINY} --engine local --jobs 2 --timeout 8 --json"
    said = harness(line)
    assert said.code == 1
    assert statuses(said) == {
        "Segfaults": "error",
        "Exits": "error",
        "Prints": "ok",
        "Forks": "ok",
        "Hangs": "timeout",
        "gru": "ok",
    }
    assert "noise" not in said.err + "".join(capfd.readouterr())
    assert is_ended(int((here / "child").read_text()))


def test_a_run_that_is_refused_alone_is_no_success(harness, cells):
    assert harness(f"run --arch {cells('NotFinite')} --task copy --length 2 {TINY}").code == 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("run --arch rnn --task copy --set nonlinarity=relu", "Did you mean 'nonlinearity'?"),
        ("run --arch rnn,lstm --task copy --set lstm.forget_bais=1", "Did you mean 'lstm.forget_bias'?"),
        ("run --arch ./cell.py --task copy --set laek=0.1", "No option 'laek'. Did you mean 'leak'?"),
        ("run --arch rnn --task adding --set alphabet=3", "No option 'alphabet'."),
        ("tune --arch gru --task copy --set nonsense=1", "No option 'nonsense'."),
        ("run --arch LSTM --task copy", "Did you mean 'lstm'"),
        ("run --arch rnn --task Copy", "Did you mean 'copy'?"),
        ("run --arch rnn --task copy --hidden 32", "Unknown flag --hidden. Write --set hidden_size=32."),
        ("run --arch rnn --task copy --seed 3", "Write --seeds 3 for seeds 0 to 2, or --first-seed 3 for seed 3."),
        ("run --arch rnn --task copy --epochs 3", "Write --steps 5000"),
    ],
)
def test_a_wrong_name_is_told_before_torch_is_loaded(line, complaint, folder, python):
    (folder / "cell.py").write_text("class Cell:\n    def __init__(self, input_size, hidden_size, leak=0.1): ...\n")
    code = f"import sys; from harness.cli.main import main; main({line.split()}); print('torch' in sys.modules)"
    done = python("-c", code, cwd=folder)
    assert complaint in done.stderr
    assert done.stdout == "False\n"


def test_a_number_of_steps_may_be_written_with_a_letter(harness, here):
    said = harness(f"{COPY} {TINY} --steps 0.002k --json --quiet")
    assert [record["steps"] for record in json.loads(said.out)] == [2]
