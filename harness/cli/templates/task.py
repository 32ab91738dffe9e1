"""MyTask: one line that describes it. `harness list` and `harness describe` show this line."""

from __future__ import annotations

import torch
from harness import Batch, Classes, Task, Tokens
from torch import Generator, Tensor


class MyTask(Task):
    """One of `classes` symbols, then `length` steps of noise. The target, at the end, is the first symbol."""

    reference = ""  # the paper
    solved_at = 0.95  # the accuracy at which a length counts as solved
    default_lengths = (5, 10, 20, 50)
    readout = "last"  # one target, at the last step; "each": a target at every step

    def __init__(self, *, classes: int = 4, noise: int = 8) -> None:
        # YOURS: inputs and targets. Arguments, each with a default, are options (`--set classes=2`).
        self.classes, self.noise = classes, noise
        self.inputs = Tokens(classes + noise)
        self.targets = Classes(classes)

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        # YOURS: a whole batch, drawn from `generator` only. The mask marks the steps that need memory.
        first = torch.randint(self.classes, (batch_size, 1), generator=generator)
        noise = torch.randint(self.noise, (batch_size, length), generator=generator)
        inputs = torch.cat([first, self.classes + noise], dim=1)
        return Batch(inputs, targets=first, mask=torch.ones_like(first, dtype=torch.bool))

    def chance(self, length: int) -> float:
        # YOURS: the accuracy of the best predictor that sees the current input only.
        return 1 / self.classes

    def oracle(self, inputs: Tensor, lengths: Tensor | None) -> Tensor:
        # YOURS, or remove it: the targets, computed from the inputs alone. It shows that the task can be solved.
        return inputs[:, :1]
