"""Metrics on held-out sequences, and where those sequences come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

import torch

from harness.finite import FiniteTask
from harness.record import Scores
from harness.task import Batch, Classes, Split, Task, WritingTask
from harness.training.data import batches, given_batches, to_device
from harness.training.model import Model, Sums
from harness.training.precision import arithmetic
from harness.training.sampling import Distance, distance, free_running

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
    """Scores over exactly `sequences` sequences of a split, or all that are given; leaves the model's mode alone.

    Of a range of lengths each batch has one, drawn uniformly. Batches are small then, so that many lengths are drawn.
    """
    lengths = range(length, length + 1) if isinstance(length, int) else length
    at_once = 250 if len(lengths) == 1 else max(1, sequences // _LENGTHS_DRAWN)
    size = max(1, min(sequences, at_once, _TOKENS_AT_ONCE // lengths[-1]))
    stream: Iterator[Batch]
    if isinstance(task, FiniteTask) and len(lengths) == 1:
        stream = given_batches(task, seed, split, lengths[0], sequences, size)
    else:
        whole, rest = divmod(sequences, size)
        stream = batches(task, seed, split, lengths, [size] * whole + [rest] * (rest > 0))
    return score(model, task, stream, device, precision, free=split == "test")


def score(
    model: Model,
    task: Task,
    stream: Iterable[Batch],
    device: torch.device,
    precision: str = "32",
    free: bool = False,
) -> Scores:
    """Scores over all sequences of some batches; leaves the model in the mode it was in.

    With `free`, a model whose answers are written one after the other is also fed its own.
    """
    was_training = model.training
    model.eval()
    with torch.no_grad(), arithmetic(device, precision):
        totals, distances = [], []
        for batch in stream:
            placed = to_device(batch, device)
            totals.append(model.sums(placed))
            if free and isinstance(task, WritingTask) and task.end is not None:
                distances.append(distance(free_running(model, task, placed), placed))
    model.train(was_training)
    return _scores(totals, distances, task)


def _scores(totals: list[Sums], distances: list[Distance], task: Task) -> Scores:
    total = Sums(*(sum(getattr(sums, f.name) for sums in totals) for f in fields(Sums)))
    bits = total.nats / total.entries / math.log(2) if isinstance(task.targets, Classes) else None
    exact = total.exact / total.rows
    right = total.right / total.entries
    accuracy = exact if task.accuracy_over == "sequences" else right
    scores = Scores(accuracy, total.loss / total.loss_steps, exact, bits)
    if not distances:
        return scores
    edits, answers = (sum(column) for column in zip(*distances, strict=True))
    return replace(scores, forced_error=1 - right, free_error=edits / answers)
