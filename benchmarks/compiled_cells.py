"""Cells written as a step: their compiled loops against the plain loop, and against the built-in loops of their kind.

One training pass (forward, loss at the last step, backward) on one thread, denormals flushed, memory kept by the
process. All take turns, and of each the least CPU time counts: disturbances only lengthen times. The cells are those of
the tests, in the style of the literature. Printed are milliseconds, the ratio to the plain loop, the ratio to the
built-in architecture of the same equations where there is one, and seconds of compiling: with an empty cache and again.

    taskset -c 1 python benchmarks/compiled_cells.py                          # T=200, batch 32, hidden 64 and 128
    taskset -c 1 python benchmarks/compiled_cells.py --cells HandLSTM,mgu --hidden 64 --rounds 30
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.architecture import Architecture, CellArchitecture
from harness.discovery.compose import build_architecture
from harness.training.device import computing
from harness.training.loops.cells import CompiledLoop
from tests.training.loops.cells import THIRD_PARTY

OWN = {"HandLSTM": "lstm", "HandGRU": "gru", "Leaky": "rnn", "ExponentialGates": "slstm"}
BUILT_IN = ["peephole", "mgu"]
INPUTS = 2


def make(name: str, hidden: int) -> CellArchitecture:
    """A cell of the tests, or a built-in one."""
    kinds = {kind.__name__: kind for kind in THIRD_PARTY}
    made = kinds[name](INPUTS, hidden) if name in kinds else build_architecture(name, INPUTS, hidden, {}, None)
    assert isinstance(made, CellArchitecture)
    return made


def training_pass(model: Architecture, run: Callable[[], Tensor]) -> Callable[[], None]:
    head = nn.Linear(model.output_size, 1)

    def work() -> None:
        model.zero_grad()
        head(run()[:, -1]).square().mean().backward()

    return work


def least(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The least CPU milliseconds of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):  # the first round pays for set-up
        for name, work in works.items():
            begun = time.process_time()
            work()
            if number:
                times[name].append(1000 * (time.process_time() - begun))
    return {name: min(own) for name, own in times.items()}


def seconds_to_compile(cell: CellArchitecture, x: Tensor) -> tuple[CompiledLoop, float]:
    loop = CompiledLoop(cell)
    begun = time.perf_counter()
    loop(x, cell.initial_state(x), None)
    return loop, time.perf_counter() - begun


def compare(name: str, hidden: int, asked: argparse.Namespace) -> None:
    torch.manual_seed(0)
    cell, x = make(name, hidden), torch.rand(asked.batch, asked.length, INPUTS)
    _, first = seconds_to_compile(cell, x)
    loop, again = seconds_to_compile(cell, x)
    state = cell.initial_state(x)
    works = {
        "plain": training_pass(cell, lambda: cell.unroll(x, state, None)[0]),
        "compiled": training_pass(cell, lambda: loop(x, state, None)[0]),
    }
    if name in OWN:
        built_in = build_architecture(OWN[name], INPUTS, hidden, {}, None)
        works["built in"] = training_pass(built_in, lambda: built_in(x)[0])
    times = least(works, asked.rounds)
    against = f"{times['compiled'] / times['built in']:5.2f} of {OWN[name]}" if name in OWN else ""
    print(
        f"{name:<17}{hidden:>4} {times['plain']:8.1f} ms plain {times['compiled']:8.1f} compiled "
        f"{times['compiled'] / times['plain']:6.2f} {first:6.1f} s {again:5.2f} s  {against} {loop.why}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join([*(kind.__name__ for kind in THIRD_PARTY), *BUILT_IN]))
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=lambda text: [int(part) for part in text.split(",")], default=[64, 128])
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache, computing(torch.device("cpu")):
        os.environ["XDG_CACHE_HOME"] = cache
        for name in asked.cells.split(","):
            for hidden in asked.hidden:
                compare(name, hidden, asked)


if __name__ == "__main__":
    main()
