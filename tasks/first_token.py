"""First token: the first symbol is asked for at the end, after distractors."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens

from ._symbols import letters


class FirstToken(Task):
    """One of `classes` symbols, then `length` distractors; at the end, which symbol was the first? Many-to-one.

    Example with `length` 6: the input `B 3 0 7 7 2 5` is answered by B.

    With two classes one bit must be kept. The distractors are drawn anew at every step, so the state must hold against
    noise. The published latching and two-sequence problems ask the same of real numbers: the first few inputs tell the
    class, and Gaussian noise follows.

    Inputs: 0 .. classes-1 are the symbols, the others are distractors.
    """

    reference = (
        "after the latching problem of Bengio, Simard & Frasconi 1994, Learning Long-Term Dependencies with Gradient "
        "Descent Is Difficult, and experiment 3 (two-sequence problem) of Hochreiter & Schmidhuber 1997"
    )
    solved_at = 0.95

    targets: Classes
    readout = "last"

    def __init__(self, *, classes: int = 2, distractors: int = 8) -> None:
        if classes < 2:
            raise ValueError(f"one symbol alone needs no memory: classes >= 2, got classes={classes}")
        if distractors < 1:
            raise ValueError(f"later steps need a symbol to show: distractors >= 1, got distractors={distractors}")
        self.distractors = distractors
        self.inputs = Tokens(classes + distractors)
        self.targets = Classes(classes)
        self.target_symbols = letters(classes)
        self.input_symbols = [*self.target_symbols, *map(str, range(distractors))]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        first = torch.randint(self.targets.size, (batch_size, 1), generator=generator)
        noise = torch.randint(self.distractors, (batch_size, length), generator=generator)
        inputs = torch.cat([first, self.targets.size + noise], dim=1)
        return Batch(inputs, first, torch.ones(batch_size, 1, dtype=torch.bool))

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Which symbol was shown first, one feature for each class but the first; and whether this is that step."""
        first = batch.inputs[:, :1].expand_as(batch.inputs)
        begins = torch.zeros_like(batch.inputs, dtype=torch.float32)
        begins[:, 0] = 1
        names = list(enumerate(self.target_symbols))[1:]
        return {"first step": begins, **{f"first symbol was {name}": (first == k).float() for k, name in names}}

    def chance(self, length: int) -> float:
        """One of the classes: the last step shows a distractor."""
        return 1 / self.targets.size
