"""The learning rate at each step: a linear warm-up, then constant, a cosine (Loshchilov & Hutter 2017), or a line."""

from __future__ import annotations

import math

from harness.errors import UsageError
from harness.spec import RunSpec


def learning_rate(spec: RunSpec, step: int) -> float:
    """The rate of a step, the first being step 0.

    The warm-up grows by lr / warmup a step and reaches lr at its end; from there a cosine or a line falls to final_lr,
    which it would reach one step after the last.
    """
    if step < spec.warmup:
        return spec.lr * (step + 1) / spec.warmup
    if spec.schedule == "constant":
        return spec.lr
    done = (step - spec.warmup) / (spec.steps - spec.warmup)
    left = (1 + math.cos(math.pi * done)) / 2 if spec.schedule == "cosine" else 1 - done
    return spec.final_lr + (spec.lr - spec.final_lr) * left


def is_constant(spec: RunSpec) -> bool:
    return spec.schedule == "constant" and spec.warmup == 0


def refuse_schedule(spec: RunSpec) -> None:
    """Raises UsageError where a schedule contradicts the other settings of a run."""
    if spec.warmup >= spec.steps:
        raise UsageError(f"--warmup {spec.warmup} leaves no steps to train: --steps is {spec.steps}, and must be more.")
    if spec.final_lr and spec.schedule == "constant":
        raise UsageError("--final-lr is where a schedule ends: add --schedule cosine or linear.")
    if spec.final_lr > spec.lr:
        raise UsageError(f"--final-lr {spec.final_lr:g} must be at most the learning rate, --lr {spec.lr:g}.")
