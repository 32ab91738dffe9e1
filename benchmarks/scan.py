"""A training step of the architectures that are parallel in time, against one of a gru.

A step is what the harness trains with: forward, loss at the last step, backward, clipping, Adam; one thread, denormals
flushed. The architectures take turns, so that a change of the machine's speed meets all alike, and the ratio printed
is the median of the rounds' ratios. All three are compiled loops where there was a C compiler: the ratio compares
kernels, not ideas. Below it, the scan alone and the same by doubling (Hillis & Steele 1986).

    python benchmarks/scan.py                       # T=1000, batch 32, hidden 128
    python benchmarks/scan.py --length 100 --arch mingru,lru,lstm,transformer
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from harness.plugins._scan import scan
from torch import Tensor

from harness.run import build_model, build_task
from harness.spec import RunSpec
from harness.training.data import batches
from harness.training.device import computing
from harness.training.optimizer import make_optimizer

Step = Callable[[], object]


def training_step(spec: RunSpec) -> Step:
    """One step on one batch, over and over."""
    task = build_task(spec.task, {})
    model = build_model(spec, task)
    optimizer = make_optimizer(model, spec)
    (batch,) = batches(task, spec.seed, "train", spec.length, [spec.batch_size])

    def step() -> None:
        optimizer.zero_grad()
        model.loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip)
        optimizer.step()

    return step


def scan_step(solve: Callable[[Tensor, Tensor, Tensor], Tensor], spec: RunSpec, kind: torch.dtype) -> Step:
    """The recurrence alone, there and back."""
    shape = (spec.batch_size, spec.length, spec.hidden_size)
    a, b = (torch.randn(shape, dtype=kind).mul(0.5).requires_grad_() for _ in range(2))
    start = torch.zeros(shape[0], shape[2], dtype=kind)
    return lambda: torch.autograd.grad(solve(a, b, start).abs().sum(), (a, b))


def doubling(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """Log-many steps over whole sequences: after k of them each has gathered what the last 2 ** k made."""
    b = torch.cat([b[:, :1] + a[:, :1] * start.unsqueeze(1), b[:, 1:]], dim=1)
    reach = 1
    while reach < b.shape[1]:
        b = torch.cat([b[:, :reach], b[:, reach:] + a[:, reach:] * b[:, :-reach]], dim=1)
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], dim=1)
        reach *= 2
    return b


def compare(steps: dict[str, Step], rounds: int) -> None:
    """Times all in turn, and prints each against the first."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):  # the first round pays for set-up
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            if number:
                times[name].append(1000 * (time.perf_counter() - begun))
    first = next(iter(times.values()))
    for name, own in times.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(own, first, strict=True))
        print(f"  {name:<18}{statistics.median(own):>9.1f} ms {ratio:>8.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="mingru,lru")
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    specs = [
        RunSpec(name, "adding", asked.length, hidden_size=asked.hidden, batch_size=asked.batch)
        for name in ["gru", *asked.arch.split(",")]
    ]
    print(f"T={asked.length} batch {asked.batch} hidden {asked.hidden}, one thread, medians of {asked.rounds} rounds")
    with computing(torch.device("cpu")):
        print("a training step, and its ratio to that of a gru:")
        compare({spec.architecture: training_step(spec) for spec in specs}, asked.rounds)
        for kind in (torch.float32, torch.complex64):
            print(f"the recurrence alone, {kind}, there and back:")
            compare({f.__name__: scan_step(f, specs[0], kind) for f in (scan, doubling)}, asked.rounds)


if __name__ == "__main__":
    main()
