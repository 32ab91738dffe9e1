"""The compiled loops of rnn, lstm and gru against torch's own kernels: forward without gradient, and there and back.

One thread, denormals flushed, memory kept by the process as in a training. Both take turns, so that a change of the
machine's speed meets both alike; the ratio printed is the median of the rounds' ratios, and says how many times as
fast the loops are.

    python benchmarks/kernels.py                       # hidden 64, 96, 128; batch 32 and 128; T=200
    python benchmarks/kernels.py --length 50 --batch 32 --hidden 96 --rounds 31
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from harness.plugins import _compiled
from harness.plugins._fused import run_fused
from torch import Tensor, nn

from harness.training.device import computing

KERNELS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
INPUTS = 2


def compare(layer: nn.RNNBase, x: Tensor, rounds: int) -> str:
    """Milliseconds by the loops and by torch, and their ratio, there and back and forward alone."""

    def ours() -> Tensor:
        return run_fused(layer, x, None, None)[0]

    def theirs() -> Tensor:
        return layer(x)[0]

    told = []
    for name, work in (("there and back", _both_ways), ("forward", _forward)):
        times: dict[Callable[[], Tensor], list[float]] = {ours: [], theirs: []}
        for number in range(rounds + 1):  # the first round pays for set-up
            for run in times:
                begun = time.perf_counter()
                work(layer, run)
                if number:
                    times[run].append(1000 * (time.perf_counter() - begun))
        ratio = statistics.median(b / a for a, b in zip(times[ours], times[theirs], strict=True))
        mine, torchs = (statistics.median(own) for own in times.values())
        told.append(f"{name} {mine:7.2f} ms, torch {torchs:7.2f}, {ratio:.2f} times as fast")
    return "; ".join(told)


def _both_ways(layer: nn.RNNBase, run: Callable[[], Tensor]) -> None:
    layer.zero_grad()
    run().square().mean().backward()


def _forward(layer: nn.RNNBase, run: Callable[[], Tensor]) -> None:
    with torch.no_grad():
        run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 96, 128])
    parser.add_argument("--rounds", type=int, default=11)
    asked = parser.parse_args()
    if _compiled.library() is None:
        raise SystemExit("There are no compiled loops: install the harness again where a C compiler is.")
    print(f"T={asked.length}, {INPUTS} inputs a step, one thread, medians of {asked.rounds} rounds")
    with computing(torch.device("cpu")):
        for batch, hidden, name in itertools.product(asked.batch, asked.hidden, KERNELS):
            layer = KERNELS[name](INPUTS, hidden, batch_first=True)
            told = compare(layer, torch.randn(batch, asked.length, INPUTS), asked.rounds)
            print(f"{name:<5} batch {batch:<4} hidden {hidden:<4} {told}", flush=True)


if __name__ == "__main__":
    main()
