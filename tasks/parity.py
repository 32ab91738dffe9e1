"""Parity: is the number of ones so far odd?"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens, refuse_unknown

Asked = Literal["each", "last"]


class Parity(Task):
    """`length` random bits; after each of them: is the number of ones so far odd? Many-to-many, synchronous.

    Example: the input `1 0 1 1` is answered by `odd odd even odd`.

    One bit of memory is enough, and every one flips it, so no input can be skipped or averaged. The first answer equals
    its own input and is not scored. With `asked`="last", as published, the question comes once, after all bits; this is
    much harder to learn, since no earlier step tells whether the model is on the right way.
    """

    reference = (
        "parity check of Deletang et al. 2023, Neural Networks and the Chomsky Hierarchy, arXiv:2207.02098, there "
        "asked at the end only"
    )
    solved_at = 0.95
    min_length = 2

    inputs = Tokens(2)
    targets = Classes(2)
    input_symbols = ("0", "1")
    target_symbols = ("even", "odd")

    def __init__(self, *, asked: Asked = "each") -> None:
        refuse_unknown("moment at which parity is asked", asked, get_args(Asked))
        self.readout = asked

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        bits = torch.randint(2, (batch_size, length), generator=generator)
        odd = bits.cumsum(dim=1) % 2
        mask = torch.ones_like(odd, dtype=torch.bool)
        if self.readout == "last":
            return Batch(bits, odd[:, -1:], mask[:, -1:])
        mask[:, 0] = False
        return Batch(bits, odd, mask, loss_mask=torch.ones_like(mask))

    def remembered(self, batch: Batch) -> Tensor:
        """The parity of the bits so far."""
        return batch.inputs.cumsum(dim=1) % 2

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """The parity, and the number of ones, so far."""
        ones = batch.inputs.cumsum(dim=1)
        return {"parity": (ones % 2).float(), "ones so far": ones.float()}

    def chance(self, length: int) -> float:
        """Half: whatever the bit of the step, those before it are odd as often as even."""
        return 0.5
