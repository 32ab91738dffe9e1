"""Where the time of a training goes: arithmetic, data, the harness, validation; over sizes, as a Markdown table.

A step of a bare loop is timed part by part; the whole loop of the harness over the same batches is timed beside it, in
turns. Page faults are those of the harness's loop. One process, one thread, denormals flushed, no other load wanted.

    python benchmarks/training_profile.py                                # 36 sizes: some five minutes
    python benchmarks/training_profile.py --arch lstm --length 200 --batch 32 --hidden 128
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from training_overhead import CPU, bare, harness

from harness.spec import RunSpec
from harness.training.build import build_model, build_task
from harness.training.data import batches
from harness.training.device import computing
from harness.training.evaluate import evaluate
from harness.training.optimizer import make_optimizer

PARTS = ("data", "forward", "backward", "optimizer")
HEAD = (
    *("arch", "T", "batch", "hidden"),
    "step, ms",
    *(f"{part}, %" for part in PARTS),
    "harness, ratio",
    "validation, %",
    "faults a step",
)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def parts(spec: RunSpec, steps: int) -> dict[str, float]:
    """Median seconds of each part of a bare step."""
    task = build_task(spec.task, {})
    model = build_model(spec, task)
    optimizer = make_optimizer(model, spec)
    stream = batches(task, spec.seed, "train", spec.length, [spec.batch_size] * steps)
    seconds: dict[str, list[float]] = {part: [] for part in PARTS}

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip)
        optimizer.step()

    for _ in range(steps):
        optimizer.zero_grad()
        taken, batch = timed(lambda: next(stream))
        seconds["data"].append(taken)
        taken, loss = timed(lambda batch=batch: model.loss(batch))
        seconds["forward"].append(taken)
        seconds["backward"].append(timed(loss.backward)[0])
        seconds["optimizer"].append(timed(update)[0])
    return {part: statistics.median(values) for part, values in seconds.items()}


def row(spec: RunSpec, budget: float) -> list[str]:
    """One line of the table; `budget`: seconds for one loop."""
    once = sum(parts(spec, 3).values())
    steps = max(4, min(200, round(budget / once)))
    spec = replace(spec, steps=steps, validate_every=steps + 1, validation_sequences=1)
    ratios = []
    for number in range(3):
        first, second = (bare, harness) if number % 2 else (harness, bare)
        taken = {loop: loop(spec) for loop in (first, second)}
        ratios.append(taken[harness] / taken[bare])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    harness(spec)
    faults = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / steps
    of = parts(spec, steps)
    step = sum(of.values())
    d, task = RunSpec, build_task(spec.task, {})
    validation, _ = timed(
        lambda: evaluate(build_model(spec, task), task, 0, "validation", spec.length, d.validation_sequences, CPU)
    )
    share = validation / (validation + d.validate_every * step)
    return [
        spec.architecture,
        *map(str, (spec.length, spec.batch_size, spec.hidden_size)),
        f"{1000 * step:.3g}",
        *(f"{100 * of[part] / step:.1f}" for part in PARTS),
        f"{statistics.median(ratios):.2f}",
        f"{100 * share:.1f}",
        f"{faults:.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["lstm", "gru", "rnn"])
    parser.add_argument("--length", type=int, nargs="+", default=[50, 200, 800])
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--seconds", type=float, default=1.0, help="of one loop, where a step is short")
    asked = parser.parse_args()
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}")
    with computing(CPU):
        for arch, length, batch, hidden in itertools.product(asked.arch, asked.length, asked.batch, asked.hidden):
            spec = RunSpec(arch, "adding", length, hidden_size=hidden, batch_size=batch)
            print(f"| {' | '.join(row(spec, asked.seconds))} |", flush=True)


if __name__ == "__main__":
    main()
