"""Contract: a task over given data. Its sequences are numbered; the core goes through them in epochs."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from itertools import chain, compress
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Split, Task

_LOOKED_AT = 10_000  # sequences of a split from which chance is computed
_AT_ONCE = 1_000


class FiniteTask(Task):
    """A task whose sequences are given: each split has so many of them, numbered from 0, and shares none with another.

    Training goes through the training data in epochs, in an order that the run's seed decides; an evaluation takes each
    sequence once at most. Rows of a batch may end early (`lengths`): the core cuts off the steps that no row has.
    """

    chance_is = "for each current input the most frequent answer of the training data, held against the test data"

    @abstractmethod
    def count(self, split: Split, length: int) -> int:
        """How many sequences of this length a split has: "train", "validation" or "test"."""

    @abstractmethod
    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        """The sequences of these numbers, int64 (batch,), each from 0 to `count` - 1."""

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch of the training data."""
        return self.sample_from("train", generator, batch_size, length)

    def sample_from(self, split: Split, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch drawn with replacement; probes are of the validation data."""
        part: Split = "validation" if split == "probe" else split
        numbers = torch.randint(self.count(part, length), (batch_size,), generator=generator)
        return self.take(part, length, numbers)

    def refuse_length(self, length: int) -> None:
        """Every split must have a sequence."""
        super().refuse_length(length)
        splits: tuple[Split, ...] = ("train", "validation", "test")
        for split in splits:
            if self.count(split, length) < 1:
                raise ValueError(f"has no {split} data at length {length}: take another length, or more data")

    def chance(self, length: int) -> float:
        """What the best predictor without memory reaches on this data; override it where targets are vectors.

        It answers each current input as the training data do most often, or answers always the same, whichever is right
        more often. Where the accuracy is over sequences, it gives the most frequent sequence of answers.
        """
        if not isinstance(self.targets, Classes):
            raise NotImplementedError("chance of real answers depends on the data: override `chance`")
        fit, held = (list(_looked_at(self, split, length)) for split in _FIT_AND_HELD)
        if self.accuracy_over == "sequences":
            return _most_frequent_sequence(fit, held, self)
        return _most_frequent_answer(_joined(fit, self), _joined(held, self), self.targets)


_FIT_AND_HELD: tuple[Split, Split] = ("train", "test")


class ScoredSteps(NamedTuple):
    """What there is to predict from and what is to be predicted, at every scored step of a batch."""

    shown: Tensor  # (steps, size): the current input
    answer: Tensor  # (steps, entries) or (steps, size)
    row: Tensor  # int64 (steps,): the sequence it is taken from


def scored_steps(batch: Batch, task: Task, ahead: bool = False) -> ScoredSteps:
    """The scored steps of a batch, at readout "last" the last one of each row; with `ahead` the next input too."""
    row, column = batch.mask.nonzero(as_tuple=True)
    steps = batch.inputs.shape[1]
    step = column
    if task.readout == "last":
        step = torch.full_like(row, steps - 1) if batch.lengths is None else batch.lengths[row] - 1
    inputs = batch.inputs.reshape(len(batch.inputs), steps, -1)
    shown = inputs[row, step]
    if ahead:
        later = torch.cat([inputs, torch.full_like(inputs[:, :1], -1)], dim=1)  # -1: there is no next input
        shown = torch.cat([shown, later[row, step + 1]], dim=1)
    return ScoredSteps(shown, batch.targets[row, column].reshape(len(row), -1), row)


def _looked_at(task: FiniteTask, split: Split, length: int) -> Iterator[Batch]:
    """All sequences of a split, or some of many, always the same."""
    numbers = torch.arange(task.count(split, length))
    if len(numbers) > _LOOKED_AT:
        numbers = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(0))[:_LOOKED_AT]
    for part in torch.split(numbers, _AT_ONCE):
        yield task.take(split, length, part)


def _joined(batches: list[Batch], task: Task) -> ScoredSteps:
    return ScoredSteps(*(torch.cat(parts) for parts in zip(*(scored_steps(b, task) for b in batches), strict=True)))


def _most_frequent_answer(fit: ScoredSteps, held: ScoredSteps, targets: Classes) -> float:
    kind = torch.unique(torch.cat([fit.shown, held.shown]), dim=0, return_inverse=True)[1]
    fitted, met = kind[: len(fit.shown)], kind[len(fit.shown) :]
    entry = torch.arange(targets.entries)
    place = (fitted[:, None] * targets.entries + entry) * targets.size + fit.answer
    shape = (int(kind.max()) + 1, targets.entries, targets.size)
    counts = torch.bincount(place.flatten(), minlength=shape[0] * shape[1] * shape[2]).view(shape)
    usual = counts.sum(dim=0).argmax(dim=1)
    best = torch.where(counts.sum(dim=2) > 0, counts.argmax(dim=2), usual)
    shares = [(answer == held.answer).double().mean().item() for answer in (best[met], usual)]
    return max(shares)


def _most_frequent_sequence(fit: list[Batch], held: list[Batch], task: Task) -> float:
    answers, asked = ([_answers(batch) for batch in part] for part in (fit, held))
    counts = Counter(answer for part in answers for answer in part)
    flat = [answer for part in asked for answer in part]
    return flat.count(counts.most_common(1)[0][0]) / len(flat)


def _answers(batch: Batch) -> list[tuple[int, ...]]:
    """The scored answers of each row."""
    targets = batch.targets.unsqueeze(2) if batch.targets.dim() == 2 else batch.targets
    rows = zip(targets.tolist(), batch.mask.tolist(), strict=True)
    return [tuple(chain.from_iterable(compress(answers, asked))) for answers, asked in rows]
