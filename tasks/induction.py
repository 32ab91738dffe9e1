"""Induction: which symbol followed the special one, when it first came?"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class Induction(Task):
    """Random symbols with one special symbol `*` among them; at the end `*` comes again: which symbol followed it?

    Example with `length` 9: the input `c a * f b b e a *` is answered by f. The model has to complete the pattern
    `* f ... *`, which is what an induction head of a transformer does.

    `length` is the number of steps, the last `*` included. The first one stands anywhere before, and the symbol after
    it is to be kept until the end. `alphabet` is the number of symbols, `*` included: 16, and a length of 256 to train
    on, are published for Mamba, which was tested at lengths from 64 to a million.
    """

    reference = (
        "Gu & Dao 2023, Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752, section "
        "4.1.2; the task: Olsson et al. 2022, In-context Learning and Induction Heads, arXiv:2209.11895; Dao et al. "
        "2023, Hungry Hungry Hippos, arXiv:2212.14052"
    )
    solved_at = 0.95
    min_length = 3
    default_lengths = (8, 16, 64, 256)
    readout = "last"

    inputs: Tokens
    targets: Classes

    def __init__(self, *, alphabet: int = 16) -> None:
        if alphabet < 3:
            raise ValueError(f"two symbols and the special one are the fewest: alphabet >= 3, got alphabet={alphabet}")
        self.inputs, self.targets = Tokens(alphabet), Classes(alphabet - 1)
        names = [chr(ord("a") + i) if alphabet <= 27 else str(i) for i in range(alphabet - 1)]
        self.input_symbols, self.target_symbols = [*names, "*"], names

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        special = self.inputs.size - 1
        inputs = torch.randint(special, (batch_size, length), generator=generator)
        place = torch.randint(length - 2, (batch_size, 1), generator=generator)
        inputs.scatter_(1, place, special)
        inputs[:, -1] = special
        return Batch(inputs, inputs.gather(1, place + 1), torch.ones_like(place, dtype=torch.bool))

    def chance(self, length: int) -> float:
        """One of the ordinary symbols: the last step always shows the special one."""
        return 1 / self.targets.size

    def remembered(self, batch: Batch) -> Tensor:
        """The symbol after the first special one, from the step that shows it to the end."""
        return torch.where(self._place(batch) + 1 <= torch.arange(batch.inputs.shape[1]), batch.targets, -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether the special symbol was seen, and which symbol followed it."""
        held = self.remembered(batch)
        seen = (self._place(batch) <= torch.arange(batch.inputs.shape[1])).float()
        kept = {f"{name} is kept": (held == number).float() for number, name in enumerate(self.target_symbols)}
        return {"special symbol seen": seen, **kept}

    def _place(self, batch: Batch) -> Tensor:
        """The step of the first special symbol, shape (batch, 1)."""
        return (batch.inputs == self.inputs.size - 1).long().argmax(dim=1, keepdim=True)
