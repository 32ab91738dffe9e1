"""Pointwise: which number of this step is the largest? Needs no memory."""

from __future__ import annotations

import torch
from torch import Generator

from harness.task import Batch, Classes, Task, Vectors


class Pointwise(Task):
    """At each of `length` steps `size` random numbers; which of them is the largest? One-to-one.

    Example with `length` 1: `0.3 -1.2 0.8 0.1` is answered by 2, the place of 0.8, counted from 0.

    No step depends on another. At length 1 there is no time at all; at longer ones a memory must not get in the way.
    Every architecture must solve it: this checks a model and its training, and does not measure memory. So `chance` is
    the accuracy without a look at the input; a model that reads it, and remembers nothing, can be right always.
    """

    reference = (
        "the shape one-to-one of Karpathy 2015, The Unreasonable Effectiveness of Recurrent Neural Networks; the "
        "question itself is of this package"
    )
    solved_at = 0.9  # two nearly equal numbers are told apart only after longer training
    default_lengths = (1, 10)

    def __init__(self, *, size: int = 4) -> None:
        if size < 2:
            raise ValueError(f"the largest of one number is no question: size >= 2, got size={size}")
        self.inputs = Vectors(size)
        self.targets = Classes(size)

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        inputs = torch.randn(batch_size, length, self.inputs.size, generator=generator)
        targets = inputs.argmax(dim=2)
        return Batch(inputs, targets, torch.ones_like(targets, dtype=torch.bool))

    def remembered(self, batch: Batch) -> None:
        """Nothing: no step has to do with another."""
        return

    def chance(self, length: int) -> float:
        """Each of the numbers is the largest equally often."""
        return 1 / self.inputs.size
