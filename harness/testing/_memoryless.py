"""A predictor with no memory, fitted on samples: a measurement of what `Task.chance` promises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from harness.finite import FiniteTask, scored_steps
from harness.task import Batch, Classes, Split, Task, Vectors
from harness.training.data import rows_of
from harness.training.seeds import derive_seed

_MOST_KINDS = 64  # of real vectors that are told apart
_CANDIDATES = 256  # answers tried where answers are real vectors


@dataclass(frozen=True)
class Estimate:
    """An accuracy, and its standard error over the rows it was measured on."""

    accuracy: float
    error: float


class _Seen(NamedTuple):
    """What there is to predict from and what is to be predicted, at every scored step."""

    kind: Tensor  # int64 (steps,): which input it is
    answer: Tensor  # (steps, entries) or (steps, size)
    row: Tensor  # int64 (steps,): the sequence it is taken from


def memoryless(
    task: Task, length: int, rows: int, *, ahead: bool = False, seed: int = 0, learned: bool = False
) -> Estimate:
    """Accuracy of the most frequent answer given the current input, fitted and measured on `rows` sequences each.

    With `ahead`, given the next input too; with `learned` over all steps that are in the loss. Real inputs are told
    apart by their rounded values, unless these are many.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "memoryless"))
    draw = partial(_given, task) if isinstance(task, FiniteTask) else partial(_drawn, task)
    batches = draw(length, rows, generator)
    one, other = (_all_learned(batch) if learned else batch for batch in batches)
    fit, held, kinds = _seen(one, other, task, ahead)
    if task.accuracy_over == "sequences":
        right = (_best_for_sequences(fit, kinds)[held.kind] == held.answer).all(dim=1)
        return _over_rows(_whole_rows(right, held.row), torch.arange(len(other.inputs)))
    if isinstance(task.targets, Classes):
        right = (_most_frequent(fit, kinds, task.targets)[held.kind] == held.answer).double().mean(dim=1)
    else:
        right = _within(_best_constants(fit, kinds, task.targets)[held.kind], held.answer, task.targets)
    return _over_rows(right, held.row)


def _drawn(task: Task, length: int, rows: int, generator: Generator) -> tuple[Batch, Batch]:
    """Sequences to fit on, and as many others to measure on."""
    batch = task.sample_from("test", generator, 2 * rows, length)
    halves = torch.split(torch.arange(2 * rows), rows)
    return rows_of(batch, halves[0]), rows_of(batch, halves[1])


def _given(task: FiniteTask, length: int, rows: int, generator: Generator) -> tuple[Batch, Batch]:
    """Training data to fit on, and test data to measure on, each sequence once."""
    return _some_of(task, "train", length, rows, generator), _some_of(task, "test", length, rows, generator)


def _some_of(task: FiniteTask, split: Split, length: int, rows: int, generator: Generator) -> Batch:
    return task.take(split, length, torch.randperm(task.count(split, length), generator=generator)[:rows])


def _all_learned(batch: Batch) -> Batch:
    return batch if batch.loss_mask is None else batch._replace(mask=batch.loss_mask)


def _seen(fit: Batch, held: Batch, task: Task, ahead: bool) -> tuple[_Seen, _Seen, int]:
    """What is seen of both, and how many kinds of input there are."""
    one, other = scored_steps(fit, task, ahead), scored_steps(held, task, ahead)
    shown = torch.cat([one.shown, other.shown])
    exact = isinstance(task, FiniteTask) and isinstance(task.targets, Classes)  # the data have so many kinds of input
    kind = torch.unique(shown if exact else shown.round(), dim=0, return_inverse=True)[1]
    if isinstance(task.inputs, Vectors) and kind.max() >= _MOST_KINDS and not exact:
        kind = torch.zeros_like(kind)
    cut, kinds = len(one.shown), int(kind.max()) + 1
    return _Seen(kind[:cut], one.answer, one.row), _Seen(kind[cut:], other.answer, other.row), kinds


def _most_frequent(fit: _Seen, kinds: int, targets: Classes) -> Tensor:
    """The most frequent class, of all for a kind that was not seen: shape (kinds, entries)."""
    shape = (kinds, targets.entries, targets.size)
    question = fit.kind[:, None] * targets.entries + torch.arange(targets.entries)
    counts = torch.bincount((question * targets.size + fit.answer).flatten(), minlength=math.prod(shape))
    counts = counts.view(shape)
    return torch.where(counts.sum(dim=2) > 0, counts.argmax(dim=2), counts.sum(dim=0).argmax(dim=1))


def _best_for_sequences(fit: _Seen, kinds: int) -> Tensor:
    """An answer for each kind of input that gives most whole sequences right, shape (kinds, entries).

    A predictor that gets any sequence right answers as that sequence does. So the candidates are those of the sequences
    in which each kind has one answer only; a kind that a sequence lacks gets its most frequent answer.
    """
    answers, number = torch.unique(fit.answer, dim=0, return_inverse=True)
    rows = int(fit.row.max()) + 1
    place = fit.row * kinds + fit.kind
    low = torch.full((rows * kinds,), len(answers)).scatter_reduce(0, place, number, "amin").view(rows, kinds)
    high = torch.full((rows * kinds,), -1).scatter_reduce(0, place, number, "amax").view(rows, kinds)
    counts = torch.bincount(fit.kind * len(answers) + number, minlength=kinds * len(answers))
    usual = counts.view(kinds, len(answers)).argmax(dim=1)
    one_answer = ((low == high) | (high < 0)).all(dim=1)
    of_sequences = torch.unique(torch.where(high < 0, usual, low)[one_answer], dim=0)
    candidates = torch.cat([usual[None], of_sequences[:_CANDIDATES]])
    shares = [_whole_rows(candidate[fit.kind] == number, fit.row).mean() for candidate in candidates]
    best = candidates[torch.stack(shares).argmax()]
    found: Tensor = answers[best]
    return found


def _whole_rows(right: Tensor, row: Tensor) -> Tensor:
    """1 for each row of which every step is right, 0 for the others."""
    return (torch.bincount(row, weights=(~right).double()) == 0).double()


def _best_constants(fit: _Seen, kinds: int, targets: Vectors) -> Tensor:
    """The vector within tolerance of most answers, out of some of the answers and their mean: (kinds, size)."""
    best = []
    for kind in range(kinds):
        of_kind = fit.answer[fit.kind == kind]
        answers = of_kind if len(of_kind) else fit.answer
        candidates = torch.cat([answers.mean(dim=0, keepdim=True), answers[:_CANDIDATES]])
        shares = torch.stack([_within(candidate, answers, targets).mean() for candidate in candidates])
        best.append(candidates[shares.argmax()])
    return torch.stack(best)


def _within(prediction: Tensor, answer: Tensor, targets: Vectors) -> Tensor:
    return ((prediction - answer).abs() < targets.tolerance).all(dim=1).double()


def _over_rows(right: Tensor, row: Tensor) -> Estimate:
    """The share that is right; rows, not steps, are independent of each other."""
    count = torch.bincount(row).double()
    total = torch.bincount(row, weights=right)
    accuracy = float(total.sum() / count.sum())
    return Estimate(accuracy, float((total - accuracy * count).square().sum().sqrt() / count.sum()))
