"""Files of the working folder named like modules of Python or torch are imported by nobody."""

from __future__ import annotations

import json

import pytest

SHADOWS = ("types", "signal", "random", "numbers", "torch", "copy", "queue", "selectors", "json")
CELL = """
import functools
import multiprocessing
import random

from torch import nn


def draw():
    import numbers
    import signal
    return random.random()


@functools.cache
def start_children():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(random.random)


class Mine(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        start_children()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        draw()
        return self.rnn(x)[0]
"""
TINY = "--steps 2 --batch 4 --validation-sequences 8 --test-sequences 8"


@pytest.fixture
def shadowed(here):
    """The working folder with a cell, and with files that leave a trace when they are imported."""
    for name in SHADOWS:
        trace = here / f"imported-{name}"
        (here / f"{name}.py").write_text(f"open({str(trace)!r}, 'w').close()\nraise SystemExit('{name} of the user')\n")
    (here / "mine.py").write_text(CELL)
    return here


@pytest.mark.parametrize(
    "line",
    [
        f"run --arch ./mine.py --task copy --length 2 {TINY} --engine local --jobs 1 --json",
        pytest.param("check ./mine.py --json", marks=pytest.mark.slow),
    ],
)
def test_neither_command_nor_worker_nor_a_child_of_it_imports_the_users_files(line, start, shadowed):
    said = start(line).end()
    assert list(shadowed.glob("imported-*")) == []
    assert "of the user" not in said.err
    assert said.code == 0, said.err
    assert json.loads(said.out)
