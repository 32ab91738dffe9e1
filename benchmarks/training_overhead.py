"""What Lightning and the harness cost beside the model: a whole training loop against a bare torch loop.

Both train the same model on the same batches with the same optimizer, in one process and one thread, denormals flushed
in both; rounds alternate, so that a change of the machine's speed meets both alike. The ratio printed is the median of
the rounds' ratios.

    python benchmarks/training_overhead.py                      # LSTM, T=100, batch 50, hidden 128
    python benchmarks/training_overhead.py --arch rnn --length 50 --batch 32 --hidden 64 --steps 600
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import torch

from harness.spec import RunSpec
from harness.training.build import build_model, build_task
from harness.training.data import batches
from harness.training.device import computing
from harness.training.optimizer import make_optimizer
from harness.training.train import Training, train

CPU = torch.device("cpu")


def bare(spec: RunSpec) -> float:
    """Seconds of the loop that a person would write, over the same batches."""
    task = build_task(spec.task, {})
    model = build_model(spec, task)
    optimizer = make_optimizer(model, spec)
    begun = time.perf_counter()
    for batch in batches(task, spec.seed, "train", spec.length, [spec.batch_size] * spec.steps):
        optimizer.zero_grad()
        model.loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip)
        optimizer.step()
    return time.perf_counter() - begun


def harness(spec: RunSpec) -> float:
    """Seconds of the same by Lightning, set-up of the Trainer included; no validation within these steps."""
    task = build_task(spec.task, {})
    model = build_model(spec, task)
    begun = time.perf_counter()
    result = Training()
    train(model, task, spec, CPU, result, lambda progress: None)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="lstm")
    parser.add_argument("--task", default="adding")
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    spec = RunSpec(asked.arch, asked.task, asked.length, hidden_size=asked.hidden, batch_size=asked.batch)
    spec = replace(spec, steps=asked.steps, validate_every=asked.steps + 1, validation_sequences=1)
    ratios = []
    with computing(CPU):
        bare(replace(spec, steps=5)), harness(replace(spec, steps=5))  # first calls pay for set-up
        for number in range(asked.rounds):
            first, second = (bare, harness) if number % 2 else (harness, bare)
            seconds = {measured.__name__: measured(spec) for measured in (first, second)}
            ratios.append(seconds["harness"] / seconds["bare"])
            steps = {name: 1000 * value / spec.steps for name, value in seconds.items()}
            print(f"bare {steps['bare']:.2f} ms a step, harness {steps['harness']:.2f}, ratio {ratios[-1]:.3f}")
    print(f"{asked.arch} T={asked.length} batch {asked.batch} hidden {asked.hidden}: ", end="")
    print(f"median ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} .. {max(ratios):.3f})")


if __name__ == "__main__":
    main()
