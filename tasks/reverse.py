"""Reverse: repeat a list of symbols backwards, or in another order."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens, refuse_unknown

Order = Literal["last_first", "same", "odds_first"]


class Reverse(Task):
    """`length` symbols, then as many blanks, over which the symbols are repeated last to first: many-to-many, delayed.

    Example with `length` 4:

        input   3 1 4 2 _ _ _ _
        answer  . . . . 2 4 1 3

    What was shown first is asked for last, so the lags go from 1 to 2 x `length` - 1 steps and the whole list must be
    kept; a stack does it. The loss and the accuracy are over the blanks. `order` "same" repeats the list as it was
    (`3 1 4 2`, published as duplicate string: a queue does it, and every lag is `length` steps), "odds_first" repeats
    first the symbols at odd places, then those at even places (`3 4 1 2`).

    Inputs: 0 .. alphabet-1 are the symbols, `alphabet` is the blank. Published are alphabets of 2 (Deletang) and of 128
    (Grefenstette, with markers around the list); 8 here is that of the copy task.
    """

    reference = (
        "Grefenstette et al. 2015, Learning to Transduce with Unbounded Memory, arXiv:1506.02516; "
        "Deletang et al. 2023, Neural Networks and the Chomsky Hierarchy, arXiv:2207.02098"
    )
    solved_at = 0.95
    default_lengths = (5, 10, 20, 50)

    def __init__(self, *, alphabet: int = 8, order: Order = "last_first") -> None:
        if alphabet < 2:
            raise ValueError(f"one symbol alone needs no memory: alphabet >= 2, got alphabet={alphabet}")
        refuse_unknown("order of reverse", order, get_args(Order))
        self.alphabet, self.order = alphabet, order
        self.inputs = Tokens(alphabet + 1)
        self.targets = Classes(alphabet)
        self.target_symbols = list(map(str, range(alphabet)))
        self.input_symbols = [*self.target_symbols, "_"]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        shown = torch.randint(self.alphabet, (batch_size, length), generator=generator)
        inputs = torch.cat([shown, torch.full_like(shown, self.alphabet)], dim=1)
        targets = torch.cat([torch.zeros_like(shown), shown[:, self._places(length)]], dim=1)
        return Batch(inputs, targets, inputs == self.alphabet)

    def _places(self, length: int) -> Tensor:
        """The places in the list, in the order in which they are asked for."""
        places = torch.arange(length)
        if self.order == "odds_first":
            return torch.cat([places[::2], places[1::2]])
        return places if self.order == "same" else places.flip(0)

    def chance(self, length: int) -> float:
        """One of the alphabet: where the accuracy is taken, every input is a blank."""
        return 1 / self.alphabet

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each place in the list: its symbol, from the step that shows it to the step that repeats it."""
        length = batch.inputs.shape[1] // 2
        step, place = torch.arange(2 * length)[:, None], torch.arange(length)
        repeated_at = length + self._places(length).argsort()
        asked = (place <= step) & (step <= repeated_at)
        return torch.where(asked, batch.inputs[:, None, :length], -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether to repeat, how many symbols are still to be repeated, and which one is due at this step."""
        repeating = batch.mask.long()
        held = (1 - 2 * repeating).cumsum(dim=1) + repeating
        due = {f"symbol {k} is due": repeating * (batch.targets == k) for k in range(self.alphabet)}
        found = {"repeating": repeating, "symbols held": held, **due}
        return {name: feature.float() for name, feature in found.items()}
