"""A training step of every recurrent architecture that is built in, against one of a gru.

A step is what the harness trains with: forward, loss, backward, clipping, Adam; one thread, denormals flushed. The
architectures take turns, so that a change of the machine's speed meets all alike; what is printed is the shortest of
the rounds, in time of the processor, and its ratio to the gru's shortest. The gru is a compiled loop where there was a
C compiler: the ratio compares kernels as well as ideas. Parameters and state (numbers carried for one sequence) stand
beside it.

    python benchmarks/field.py                       # T=200, batch 32, hidden 64
    python benchmarks/field.py --arch mamba,mlstm --rounds 20
    python benchmarks/field.py --arch linear_attention --set linear_attention.decay=none,fixed,input
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from harness.discovery import registry
from harness.discovery.compose import compose, is_wrapper
from harness.discovery.variants import architecture_variants
from harness.spec import RunSpec
from harness.training.build import build_model, build_task
from harness.training.device import computing
from harness.training.evaluate import batches
from harness.training.model import Model, count_parameters, state_size
from harness.training.optimizer import make_optimizer


class Step:
    """One training step on one batch, over and over, and the shortest time it took."""

    def __init__(self, spec: RunSpec) -> None:
        task = build_task(spec.task, {})
        self.name, self.clip, self.best = spec.label, spec.clip, float("inf")
        self.model: Model = build_model(spec, task)
        self.optimizer = make_optimizer(self.model, spec)
        (self.batch,) = batches(task, spec.seed, "train", spec.length, [spec.batch_size])

    def take(self) -> None:
        begun = time.process_time()
        self.optimizer.zero_grad()
        self.model.loss(self.batch).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.best = min(self.best, time.process_time() - begun)

    def row(self, gru: Step) -> str:
        with torch.no_grad():
            state = state_size(self.model(self.batch.inputs, self.batch.lengths)[1])
        parameters = count_parameters(self.model)
        ratio = self.best / gru.best
        return f"{self.name:<40}{1000 * self.best:>9.1f} ms {ratio:>7.2f} {parameters:>10,} {state or 0:>8,}"


def recurrent() -> list[str]:
    """The built-in architectures that carry a state."""
    plugins = [p for p in registry.plugins("architecture") if p.module.startswith("harness.plugins.")]
    return [p.name for p in plugins if not is_wrapper(p.load()) and p.load().stateful]


def steps_of(names: list[str], typed: dict[str, tuple[str, ...]], shape: RunSpec) -> Iterator[Step]:
    """A step of every variant of every architecture, the gru first."""
    for name in ["gru", *(name for name in names if name != "gru")]:
        for variant in architecture_variants(compose(name), typed):
            yield Step(replace(shape, architecture=name, architecture_options=variant.options, label=variant.label))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", help="default: all that are recurrent")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE,VALUE")
    parser.add_argument("--task", default="adding")
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    names = asked.arch.split(",") if asked.arch else recurrent()
    settings = (text.partition("=") for text in asked.set)
    typed = {name: tuple(values.split(",")) for name, _, values in settings}
    shape = RunSpec("gru", asked.task, asked.length, hidden_size=asked.hidden, batch_size=asked.batch)
    with computing(torch.device("cpu")):
        steps = list(steps_of(names, typed, shape))
        for _ in range(asked.rounds + 1):
            for step in steps:
                step.take()
        print(f"T={asked.length}, batch {asked.batch}, hidden {asked.hidden}, one thread, best of {asked.rounds}")
        print(f"{'':<40}{'best':>12}{'to gru':>8}{'parameters':>11}{'state':>9}")
        for step in steps:
            print(step.row(steps[0]), flush=True)


if __name__ == "__main__":
    main()
