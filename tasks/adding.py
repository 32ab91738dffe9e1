"""Adding problem: the sum of the two marked numbers of a sequence."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from harness.task import Batch, Task, Vectors, refuse_unknown

Variant = Literal["halves", "anywhere", "hochreiter"]


class Adding(Task):
    """`length` pairs of a random number and a marker; at the end, the sum of the two numbers that are marked with 1.

    Example with `length` 5: the numbers `0.2 0.7 0.4 0.1 0.9` with the markers `0 1 0 0 1` are answered by 1.6.

    Three definitions are in use, and their scores cannot be compared:

    - halves: numbers in [0, 1], one marked in each half; the answer is their sum.
    - anywhere: the same, with two different steps anywhere.
    - hochreiter: numbers in [-1, 1], one marked among the first ten, the other among the first length/2 - 1 that are
      left; the first and the last marker are -1; the answer is 0.5 + sum/4; `length` to 1.1 x `length` steps. Where the
      first step is picked its marker stays -1 and its number counts as zero. (The paper says this of the first pick;
      the second is treated alike, so that the answer is always made of what is marked 1.) Below length 20 the first
      half takes the place of the first ten.

    An answer is right when it is off by less than 0.04. Inputs are (number, marker).
    """

    reference = (
        "halves: Arjovsky, Shah & Bengio 2016; anywhere: Bai, Kolter & Koltun 2018; hochreiter: Hochreiter & "
        "Schmidhuber 1997, Long short-term memory, experiment 4"
    )
    solved_at = 0.9
    min_length = 4

    inputs = Vectors(2)
    targets = Vectors(1, tolerance=0.04)
    readout = "last"

    def __init__(self, *, variant: Variant = "halves") -> None:
        refuse_unknown("variant of adding", variant, get_args(Variant))
        self.variant = variant

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        marked = self._places(generator, batch_size, length)
        if self.variant == "hochreiter":
            return self._hochreiter(generator, marked, length)
        numbers = torch.rand(batch_size, length, generator=generator)
        markers = torch.zeros_like(numbers).scatter_(1, marked, 1.0)
        return _batch(numbers, markers, numbers.gather(1, marked).sum(dim=1))

    def _hochreiter(self, generator: Generator, marked: Tensor, length: int) -> Batch:
        steps = length + length // 10  # always padded to the longest possible
        lengths = torch.randint(length, steps + 1, (len(marked),), generator=generator)
        numbers = torch.rand(len(marked), steps, generator=generator) * 2 - 1
        markers = torch.zeros_like(numbers).scatter_(1, marked, 1.0)
        markers[:, 0] = -1
        markers.scatter_(1, lengths[:, None] - 1, -1.0)
        numbers *= torch.arange(steps) < lengths[:, None]
        return _batch(numbers, markers, 0.5 + (numbers * (markers == 1)).sum(dim=1) / 4, lengths)

    def _places(self, generator: Generator, batch_size: int, length: int) -> Tensor:
        """The two steps picked in each row, shape (batch, 2)."""
        half = length // 2
        if self.variant == "halves":
            first = torch.randint(0, half, (batch_size,), generator=generator)
            second = torch.randint(half, length, (batch_size,), generator=generator)
        else:
            among, left = (length, length - 1) if self.variant == "anywhere" else (min(10, half), half - 1)
            first = torch.randint(among, (batch_size,), generator=generator)
            second = torch.randint(left, (batch_size,), generator=generator)
            second += second >= first  # the first pick is not among those left
        return torch.stack([first, second], dim=1)

    def remembered(self, batch: Batch) -> Tensor:
        """The sum of the marked numbers so far, as one of 20 equal bins of its range; asked from the first mark on."""
        total, marks = self._so_far(batch)
        low, high = (-2.0, 2.0) if self.variant == "hochreiter" else (0.0, 2.0)
        bins = ((total - low) / (high - low) * 20).long().clamp(0, 19)
        return torch.where((marks > 0) & self._valid(batch), bins, -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """The marker, how many marks came so far, and the sum of what they marked."""
        total, marks = self._so_far(batch)
        return {"marked": (batch.inputs[:, :, 1] == 1).float(), "marks so far": marks, "sum so far": total}

    def _so_far(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The sum of the marked numbers and their count up to each step, both (batch, time)."""
        numbers, markers = batch.inputs.unbind(dim=2)
        marked = (markers == 1).to(numbers.dtype)
        return (numbers * marked).cumsum(dim=1), marked.cumsum(dim=1)

    def _valid(self, batch: Batch) -> Tensor:
        steps = torch.arange(batch.inputs.shape[1])
        return torch.ones_like(steps, dtype=torch.bool) if batch.lengths is None else steps < batch.lengths[:, None]

    def chance(self, length: int) -> float:
        """Share of answers within 0.04 of the most likely one, given the last pair.

        With both numbers unknown the sum is spread over a triangle; where one is known it is spread evenly. One is
        known if the last step is marked, or (hochreiter) if a number counts as zero.
        """
        half = length // 2
        if self.variant == "halves":
            one_known = 1 / (length - half)
        elif self.variant == "anywhere":
            one_known = 2 / length
        else:
            first = 1 / min(10, half)
            one_known = first + (1 - first) / (half - 1)
        even = 0.16 if self.variant == "hochreiter" else 0.08
        triangle = 1 - (1 - even / 2) ** 2
        return triangle + (even - triangle) * one_known


def _batch(numbers: Tensor, markers: Tensor, answer: Tensor, lengths: Tensor | None = None) -> Batch:
    inputs = torch.stack([numbers, markers], dim=2)
    return Batch(inputs, answer[:, None, None], torch.ones(len(answer), 1, dtype=torch.bool), lengths)
