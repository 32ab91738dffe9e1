"""Reverse: repeat a list of symbols backwards."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class Reverse(Task):
    """`length` symbols, then as many blanks, over which the symbols are said last to first: many-to-many, delayed.

    Inputs: 0 .. alphabet-1 the symbols, `alphabet` the blank, the first of which says that the list is over. What was
    shown first is asked for last, so distances go from 1 to 2 x `length` - 1 steps and all of the list must be held. A
    stack is what it wants. The loss and the accuracy are over the blanks. Published are alphabets of 2 (Deletang) and
    of 128 (Grefenstette, with markers around the list); 8 here is that of the copy task.
    """

    reference = (
        "Grefenstette et al. 2015, Learning to Transduce with Unbounded Memory, arXiv:1506.02516; "
        "Deletang et al. 2023, Neural Networks and the Chomsky Hierarchy, arXiv:2207.02098"
    )
    solved_at = 0.95
    default_lengths = (5, 10, 20, 50)

    def __init__(self, *, alphabet: int = 8) -> None:
        if alphabet < 2:
            raise ValueError(f"one symbol alone needs no memory: alphabet >= 2, got alphabet={alphabet}")
        self.alphabet = alphabet
        self.inputs = Tokens(alphabet + 1)
        self.targets = Classes(alphabet)

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        shown = torch.randint(self.alphabet, (batch_size, length), generator=generator)
        inputs = torch.cat([shown, torch.full_like(shown, self.alphabet)], dim=1)
        targets = torch.cat([torch.zeros_like(shown), shown.flip(1)], dim=1)
        return Batch(inputs, targets, inputs == self.alphabet)

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each place in the list: its symbol, from the step that shows it to the step that says it."""
        steps = batch.inputs.shape[1]
        step, place = torch.arange(steps)[:, None], torch.arange(steps // 2)
        asked = (place <= step) & (step <= steps - 1 - place)
        return torch.where(asked, batch.inputs[:, None, : steps // 2], -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether to repeat, the place in the list, and which symbol is to be repeated at this step."""
        repeating = batch.mask.long()
        held = (1 - 2 * repeating).cumsum(dim=1) + repeating
        due = {f"symbol {k} is due": repeating * (batch.targets == k) for k in range(self.alphabet)}
        found = {"repeating": repeating, "symbols on the stack": held, **due}
        return {name: feature.float() for name, feature in found.items()}

    def chance(self, length: int) -> float:
        """One of the alphabet: where the accuracy is taken, every input is a blank."""
        return 1 / self.alphabet
