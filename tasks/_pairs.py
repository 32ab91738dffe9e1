"""What tasks of pairs share: a source is read symbol by symbol, then its target is written symbol by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Classes, Split, Tokens, WritingTask

from ._ragged import Ragged
from ._split import Parts


class Pairs(FiniteTask, WritingTask):
    """Sources and targets of unequal length. `length` is the longest source that is taken.

    Inputs: the symbols of the source, then one that says "write", then the right answers, each a step late. Answers:
    the symbols of the target and, as the last one, the end (class 0). Every sequence of a batch begins with its source
    and is padded behind its target.
    """

    accuracy_over = "sequences"
    solved_at = 1.0
    end = 0
    chance_is = "the most frequent target of the training data, held against the test data"
    targets: Classes

    sources: Ragged
    answers: Ragged  # symbols from 1
    parts: Parts

    def _declare(self, sources: Sequence[str], answers: Sequence[str], embed: int | None = None) -> None:
        """The symbols of both sides, without those of this class."""
        self.write = len(sources)  # the input that asks for the target
        self.inputs = Tokens(len(sources) + 1 + len(answers), embed)
        self.targets = Classes(1 + len(answers))
        taken = set(sources)
        self.target_symbols = ["<end>", *answers]
        self.input_symbols = [*sources, "<write>", *(f"={name}" if name in taken else name for name in answers)]
        self._most: dict[int, int] = {}
        self._numbers: dict[tuple[Split, int], Tensor] = {}

    def count(self, split: Split, length: int) -> int:
        return len(self._of(split, length))

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        chosen = self._of(split, length)[numbers]
        source = self.sources.padded(chosen, length)
        answer = self.answers.padded(chosen, self.most_answers_at(length) - 1)
        time = length + self.most_answers_at(length)
        inputs = torch.zeros(len(chosen), time, dtype=torch.int64)
        targets = torch.zeros_like(inputs)
        inputs[:, :length] = source.values
        inputs.scatter_(1, source.lengths[:, None], self.write)
        step = torch.arange(answer.values.shape[1])
        rows = torch.arange(len(chosen))[:, None].expand_as(answer.values)[answer.valid]
        said = (source.lengths[:, None] + step)[answer.valid]
        inputs[rows, said + 1] = self.write + answer.values[answer.valid]
        targets[rows, said] = answer.values[answer.valid]
        ends = source.lengths + answer.lengths + 1
        place = torch.arange(time)
        mask = (place >= source.lengths[:, None]) & (place < ends[:, None])
        return Batch(inputs, targets, mask, ends)

    def most_answers_at(self, length: int) -> int:
        """The most answers, with the end, to a source of at most this length."""
        if length not in self._most:
            self._most[length] = int(self.answers.lengths[self.sources.lengths <= length].max()) + 1
        return self._most[length]

    @cached_property
    def longest(self) -> int:
        """The length of the longest source."""
        return int(self.sources.lengths.max())

    def refuse_length(self, length: int) -> None:
        """Sources of at most this length must be in every split, and the longest must have it."""
        if length > self.longest:
            raise ValueError(f"takes lengths up to {self.longest}, that of the longest source, got {length}")
        super().refuse_length(length)

    def fed_back(self, answers: Tensor) -> Tensor:
        return (self.write + answers).unsqueeze(1)

    def _of(self, split: Split, length: int) -> Tensor:
        """The numbers of the pairs of a split whose source is so short."""
        if (split, length) not in self._numbers:
            numbers = self.parts.of(split)
            self._numbers[split, length] = numbers[self.sources.lengths[numbers] <= length]
        return self._numbers[split, length]
