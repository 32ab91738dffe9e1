"""Noise-free long lag: two fixed sequences, whose last symbol repeats the first."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class NoiseFreeLag(Task):
    """Two sequences, `x 1 2 3 ... x` and `y 1 2 3 ... y`: predict every next symbol; the last one needs memory.

    Example with `length` 4: after `x 1 2 3` comes x, after `y 1 2 3` comes y; the input is those four symbols, and the
    answers are `1 2 3 x` and `1 2 3 y`. Scored is the last answer; all steps are learned.

    `length` is the published p: a sequence has p + 1 symbols, and the lag is p steps. Each step in between has a symbol
    of its own, so the published input size grows with p; here it is `alphabet` (x, y and 99 others by default), which
    must be at least p + 1. Only two sequences exist, so training and test data are the same: the question is whether a
    model can bridge the lag at all.
    """

    reference = "Hochreiter & Schmidhuber 1997, Long short-term memory, experiment 2a"
    solved_at = 0.95
    min_length = 2
    default_lengths: tuple[int, ...] = (4, 10, 50, 100)
    few_sequences = True

    inputs: Tokens
    targets: Classes

    def __init__(self, *, alphabet: int = 101) -> None:
        if alphabet < 3:
            raise ValueError(f"x, y and one symbol between them are the fewest: alphabet >= 3, got alphabet={alphabet}")
        self.default_lengths = tuple(p for p in type(self).default_lengths if p < alphabet) or (2,)
        self.inputs, self.targets = Tokens(alphabet), Classes(alphabet)
        self.input_symbols = self.target_symbols = ["x", "y", *map(str, range(1, alphabet - 1))]

    def refuse_length(self, length: int) -> None:
        """Each step between the two has a symbol of its own."""
        super().refuse_length(length)
        if length >= self.inputs.size:
            raise ValueError(f"length {length} needs an alphabet of {length + 1}: --set alphabet={length + 1}")

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        first = torch.randint(2, (batch_size, 1), generator=generator)
        between = torch.arange(2, length + 1).expand(batch_size, -1)
        mask = torch.zeros(batch_size, length, dtype=torch.bool)
        mask[:, -1] = True
        inputs, targets = torch.cat([first, between], dim=1), torch.cat([between, first], dim=1)
        return Batch(inputs, targets, mask, loss_mask=torch.ones_like(mask))

    def chance(self, length: int) -> float:
        """Half: the step before the last symbol is the same in both sequences."""
        return 0.5

    def remembered(self, batch: Batch) -> Tensor:
        """The first symbol, 0 for x and 1 for y, at every step."""
        return batch.inputs[:, :1].repeat(1, batch.inputs.shape[1])

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether the first symbol was y, and the number of the step."""
        steps = torch.arange(batch.inputs.shape[1]).expand_as(batch.inputs)
        return {"the first symbol was y": self.remembered(batch).float(), "step": steps.float()}
