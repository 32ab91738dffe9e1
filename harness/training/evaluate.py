"""Metrics on held-out sequences, and where those sequences come from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields

import torch

from harness.record import Scores
from harness.task import Batch, Classes, Split, Task
from harness.training.data import batches, to_device
from harness.training.model import Model, Sums
from harness.training.precision import arithmetic

_TOKENS_AT_ONCE = 50_000  # bounds the memory of an evaluation batch
_LENGTHS_DRAWN = 20  # of a range, for one evaluation


def evaluate(
    model: Model,
    task: Task,
    seed: int,
    split: Split,
    length: int | range,
    sequences: int,
    device: torch.device,
    precision: str = "32",
) -> Scores:
    """Scores over exactly `sequences` sequences of a split; leaves the model in the mode it was in.

    Of a range of lengths each batch has one, drawn uniformly. Batches are small then, so that many lengths are drawn.
    """
    lengths = range(length, length + 1) if isinstance(length, int) else length
    at_once = 250 if len(lengths) == 1 else max(1, sequences // _LENGTHS_DRAWN)
    size = max(1, min(sequences, at_once, _TOKENS_AT_ONCE // lengths[-1]))
    whole, rest = divmod(sequences, size)
    stream = batches(task, seed, split, lengths, [size] * whole + [rest] * (rest > 0))
    return score(model, task, stream, device, precision)


def score(model: Model, task: Task, stream: Iterable[Batch], device: torch.device, precision: str = "32") -> Scores:
    """Scores over all sequences of some batches; leaves the model in the mode it was in."""
    was_training = model.training
    model.eval()
    with torch.no_grad(), arithmetic(device, precision):
        totals = [model.sums(to_device(batch, device)) for batch in stream]
    model.train(was_training)
    return _scores(totals, task)


def _scores(totals: list[Sums], task: Task) -> Scores:
    total = Sums(*(sum(getattr(sums, f.name) for sums in totals) for f in fields(Sums)))
    bits = total.nats / total.entries / math.log(2) if isinstance(task.targets, Classes) else None
    exact = total.exact / total.rows
    accuracy = exact if task.accuracy_over == "sequences" else total.right / total.entries
    return Scores(accuracy, total.loss / total.loss_steps, exact, bits)
