"""Recite: a list of symbols is shown in one step, and repeated symbol by symbol."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Vectors


class Recite(Task):
    """A list of symbols is shown in one step; at each of `length` steps the next of them is asked for: one-to-many.

    Example with 3 symbols and `length` 5: the first step shows the list `3 1 4`, the other steps are empty, and the
    answers are `3 1 4 3 1`. After the last symbol the first one follows again, so that any length can be asked for.

    The first input holds a one-hot block for each of the `symbols`; all others are zero. The first answer stands in the
    input of its own step and is not scored. The default, 10 symbols of 8, is what the copy task has; but here all of it
    comes at once, and the model must keep the list and its place in it.
    """

    reference = (
        "the shape one-to-many of Karpathy 2015, The Unreasonable Effectiveness of Recurrent Neural Networks (one "
        "picture, a caption of many words); the synthetic list is of this package"
    )
    solved_at = 0.95
    min_length = 2
    default_lengths = (5, 10, 20, 50)

    def __init__(self, *, symbols: int = 10, alphabet: int = 8) -> None:
        if symbols < 1:
            raise ValueError(f"recite needs symbols to say: symbols >= 1, got symbols={symbols}")
        if alphabet < 2:
            raise ValueError(f"one symbol alone needs no memory: alphabet >= 2, got alphabet={alphabet}")
        self.symbols, self.alphabet = symbols, alphabet
        self.inputs = Vectors(symbols * alphabet)
        self.targets = Classes(alphabet)
        self.target_symbols = list(map(str, range(alphabet)))

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        answer = torch.randint(self.alphabet, (batch_size, self.symbols), generator=generator)
        inputs = torch.zeros(batch_size, length, self.inputs.size)
        inputs[:, 0] = F.one_hot(answer, self.alphabet).flatten(1).float()
        targets = answer[:, torch.arange(length) % self.symbols]
        mask = torch.ones_like(targets, dtype=torch.bool)
        mask[:, 0] = False
        return Batch(inputs, targets, mask, loss_mask=torch.ones_like(mask))

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each place in the list: its symbol, at every step."""
        blocks = batch.inputs[:, :1].view(-1, 1, self.symbols, self.alphabet)
        return blocks.argmax(dim=3).expand(-1, batch.inputs.shape[1], -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """The place in the list, and which symbol is due."""
        place = torch.arange(batch.inputs.shape[1]) % self.symbols
        due = {f"symbol {k} is due": (batch.targets == k).float() for k in range(self.alphabet)}
        return {"place in the list": place.expand_as(batch.targets).float(), **due}

    def chance(self, length: int) -> float:
        """One of the alphabet: where the accuracy is taken, every input is zero."""
        return 1 / self.alphabet
