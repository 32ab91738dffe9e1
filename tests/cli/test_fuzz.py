"""Random command lines, parsed and planned: each is accepted, or refused in a line or two with exit code 2."""

from __future__ import annotations

import contextlib
import io
import random
from pathlib import Path

import pytest

from harness.cli import run
from harness.cli.main import main
from harness.sweeps.plan import plan

CELL = """
from torch import nn


class Cell(nn.Module):
    def __init__(self, input_size, hidden_size, leak=0.1, mode="a", *, layers: int = None):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]
"""
LONG = "9" * 5000
WORDS = [
    *("", " ", ",", ":", "=", ".", "..", "-", "--", "'", '"', "[", "[[[[", "]", "{}", "\\", "%s", "{0}", "#", "~", "*"),
    *("0", "1", "2", "-1", "1e3", "1e-3", "1e400", "nan", "inf", "-inf", "0x10", "1_0", "5k", "1.5", "k", LONG),
    *("x" * 300, "세", "é", "\x1b[31m", "\x07", "\r", "\n", "\t", "\x00", "\udcff", "\u202e", "[" * 3000, "a." * 3000),
    *("rnn", "lstm", "LSTM", "deep", "copy", "adding", "./cell.py", "./none.py", "./loop.py", "~nobody/x.py", "/x.py"),
    *("torch.nn:GRU", "os:system", "none", "true", "lr", "hidden_size", "leak", "constant", "learned:8", "1..9:3"),
]
FLAGS = {
    "--arch": ["rnn", "lstm,gru", "deep:rnn", "deep:bidirectional:gru", "./cell.py", "./cell.py:Cell", "torch.nn:RNN"],
    "--task": ["copy", "adding", "parity,copy", "first_token"],
    "--length": ["5", "5,10", "4..20", "1e2"],
    "--test-length": ["8", "5..20:3"],
    "--seeds": ["2", "1k"],
    "--first-seed": ["3"],
    "--steps": ["5k", "100,200"],
    "--batch": ["8"],
    "--lr": ["1e-3,1e-2"],
    "--schedule": ["cosine", "linear,constant"],
    "--warmup": ["10"],
    "--weight-decay": ["0.1"],
    "--optimizer": ["sgd", "adamw"],
    "--clip": ["0"],
    "--embedding": ["learned", "learned:8", "one-hot"],
    "--params": ["5k"],
    "--match": ["hidden", "state"],
    "--name": ["mine"],
    "--tbptt": ["5"],
    "--config": ["sweep.toml", "deep.toml", "numbers.toml", "."],
    "--set": ["hidden_size=8,16", "lstm.lr=1e-3", "leak=0.1,0.3", "depth=2", "mode=[1,2]", "layers=none", "alphabet=4"],
}


@pytest.fixture
def said(folder, monkeypatch):
    """Runs arguments up to the plan, in a folder with files that are loops, deep or damaged; exit code and message."""
    monkeypatch.setattr(run, "_dry_run", lambda arguments: int(not plan(run._asked(arguments))))
    (folder / "cell.py").write_text(CELL)
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "sweep.toml").write_text('arch = ["rnn"]\nlength = [5]\n[set]\nhidden_size = 8\n')
    (folder / "deep.toml").write_text(f"a = {'[' * 3000}{']' * 3000}")
    (folder / "numbers.toml").write_text(f"steps = {LONG}")

    def call(arguments: list[str]) -> tuple[int, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["run", *arguments, "--dry-run", "--quiet", "--engine", "inline"])
        return code, err.getvalue()

    return call


def line(draw: random.Random) -> list[str]:
    """Mostly valid flags and values; now and then anything in the place of one, or behind it."""
    flags = ["--arch", "--task", *draw.sample(list(FLAGS), draw.randint(0, 4))]
    tokens: list[str] = []
    for flag in flags:
        value = draw.choice(FLAGS[flag])
        change = draw.random()
        if change < 0.1:
            value = draw.choice(WORDS)
        elif change < 0.2:
            value += draw.choice([",", "", ":", "=", "."]) + draw.choice(WORDS)
        elif change < 0.25:
            flag += draw.choice(WORDS)
        tokens += draw.choice([[flag, value], [f"{flag}={value}"]])
    return tokens


@pytest.mark.parametrize(("seed", "lines"), [(0, 40), pytest.param(1, 2000, marks=pytest.mark.slow)])
def test_random_lines_are_accepted_or_refused_in_a_line_with_exit_code_2(seed, lines, said):
    draw = random.Random(seed)
    codes = []
    for _ in range(lines):
        tokens = line(draw)
        code, message = said(tokens)
        codes.append(code)
        assert (code, bool(message)) in ((0, False), (2, True)), (tokens, code, message)
        assert len(message.splitlines()) <= 3, (tokens, message)
        assert all(letter.isprintable() for letter in message.replace("\n", "")), (tokens, message)
        assert len(message) < 2000, (tokens, len(message))
        assert "Traceback" not in message
    assert {0, 2} == set(codes)


@pytest.mark.parametrize(
    ("tokens", "complaint"),
    [
        (["--arch", "x" * 5000], "No architecture"),
        (["--arch", f"./{'x' * 5000}.py"], "is no path of a file: File name too long."),
        (["--arch", "loop.py"], "is no path of a file"),
        (["--arch", "~nobody_here/x.py"], "There is no file "),
        (["--steps", LONG], "--steps: takes a whole number such as 5000 or 5k"),
        (["--embedding", f"learned:{LONG}"], "--embedding takes one-hot"),
        (["--config", "deep.toml"], "nested too deeply"),
        (["--config", "numbers.toml"], "numbers.toml is not TOML"),
        (["--config", "c" * 5000], "cannot be read: File name too long."),
        (["--\x1b[31msteps", "5"], "Unknown flag --\\x1b[31msteps"),
        (["--arch", "./\x1b[31m.py"], "\\x1b[31m.py"),
        (["--set", "\x1b[31m=1"], "No option '\\x1b[31m'"),
    ],
)
def test_names_and_numbers_without_end_and_control_characters_are_refused(tokens, complaint, said):
    code, message = said(["--arch", "rnn", "--task", "copy", *tokens])
    assert code == 2
    assert complaint in message
    assert len(message.splitlines()) <= 2
    assert all(letter.isprintable() for letter in message.replace("\n", ""))
    assert len(message) < 1000
    assert not list(Path.cwd().glob("*.db"))
