"""Temporal order: which two (or three) symbols came among distractors, and in which order?"""

from __future__ import annotations

from itertools import product
from typing import Literal

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens

_FROM = {2: (0.1, 0.5), 3: (0.1, 0.33, 0.66)}  # earliest step of each symbol, as a share of the length
_X, _BEGIN, _END = 4, 6, 7  # 0..3 are the distractors; 5 is Y


class TemporalOrder(Task):
    """Distractors with an X or a Y at each of two places; at the end: which ones came, in which order?

    Example: `E b d X a c a d Y b c B` is answered by XY.

    As published: a sequence begins with E and ends with B, which asks for the answer; it has 100 to 110 steps, and the
    places are drawn from 10 .. 20 and 50 .. 60 (experiment 6a, two `symbols`, four classes: XX, XY, YX, YY), or from
    10 .. 20, 33 .. 43 and 66 .. 76 (experiment 6b, three `symbols`, eight classes). `length` 100 is exactly that; for
    other lengths all of these numbers are scaled in proportion. The distractors are a, b, c and d.
    """

    reference = "Hochreiter & Schmidhuber 1997, Long short-term memory, experiments 6a and 6b"
    solved_at = 0.95
    min_length = 10

    inputs = Tokens(8)
    readout = "last"
    input_symbols = tuple("abcdXYEB")

    def __init__(self, *, symbols: Literal[2, 3] = 2) -> None:
        if symbols not in _FROM:
            raise ValueError(f"temporal order has two symbols (6a) or three (6b), got symbols={symbols}")
        self.symbols = symbols
        self.targets = Classes(2**symbols)
        self.target_symbols = ["".join(order) for order in product("XY", repeat=symbols)]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        steps = length + length // 10  # always padded to the longest possible
        lengths = torch.randint(length, steps + 1, (batch_size,), generator=generator)
        is_y = torch.randint(2, (batch_size, self.symbols), generator=generator)
        inputs = torch.randint(_X, (batch_size, steps), generator=generator)
        inputs[:, 0] = _BEGIN
        inputs.scatter_(1, self._places(generator, batch_size, length), _X + is_y)
        inputs.scatter_(1, lengths[:, None] - 1, _END)
        inputs.masked_fill_(torch.arange(steps) >= lengths[:, None], 0)
        answer = (is_y * 2 ** torch.arange(self.symbols).flip(0)).sum(dim=1, keepdim=True)
        return Batch(inputs, answer, torch.ones_like(answer, dtype=torch.bool), lengths)

    def _places(self, generator: Generator, batch_size: int, length: int) -> Tensor:
        """The steps of the symbols, shape (batch, symbols)."""
        earliest = torch.tensor([int(share * length) for share in _FROM[self.symbols]])
        return earliest + torch.randint(length // 10 + 1, (batch_size, self.symbols), generator=generator)

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each symbol: 0 for X and 1 for Y, from the step that shows it to the end."""
        step = torch.arange(batch.inputs.shape[1])[:, None]
        places = self._shown(batch)
        valid = step < (len(step) if batch.lengths is None else batch.lengths[:, None, None])
        is_y = batch.inputs.gather(1, places)[:, None] - _X
        return torch.where((places[:, None] <= step) & valid, is_y, -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """How many of the symbols were shown, and which each of them was: 1 for Y, -1 for X, 0 before it."""
        held = self.remembered(batch)
        named = {f"symbol {i + 1}": torch.where(item < 0, 0, 2 * item - 1) for i, item in enumerate(held.unbind(2))}
        found = {"symbols shown": (held >= 0).sum(dim=2), **named}
        return {name: feature.float() for name, feature in found.items()}

    def _shown(self, batch: Batch) -> Tensor:
        """The steps that show the symbols, shape (batch, symbols)."""
        return ((batch.inputs == _X) | (batch.inputs == _X + 1)).nonzero()[:, 1].view(-1, self.symbols)

    def chance(self, length: int) -> float:
        """One of the orders: the last step always shows B."""
        return 1 / self.targets.size
