"""Echo: say again what was said `length` steps ago."""

from __future__ import annotations

import torch
from torch import Generator

from harness import Batch, Classes, Task, Tokens


class Echo(Task):
    """Symbols drawn at every step; the answer at step t is the symbol of step t - length."""

    reference = "made up"

    def __init__(self, *, alphabet: int = 3) -> None:
        self.alphabet = alphabet
        self.inputs = Tokens(alphabet)
        self.targets = Classes(alphabet)

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        inputs = torch.randint(self.alphabet, (batch_size, 2 * length), generator=generator)
        mask = torch.zeros_like(inputs, dtype=torch.bool)
        mask[:, length:] = True
        return Batch(inputs, inputs.roll(length, dims=1), mask)

    def chance(self, length: int) -> float:
        return 1 / self.alphabet
