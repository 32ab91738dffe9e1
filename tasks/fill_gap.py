"""Fill the gap: each blank gets the symbol at the nearer end of the gap; half of it needs the future."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class FillGap(Task):
    """Symbols, a gap of `length` blanks, symbols; each blank is to be filled with the symbol at its nearer end.

    Example with `length` 6 and 2 symbols on each side: the input `3 1 _ _ _ _ _ _ 4 0` is answered over the gap by
    `1 1 1 4 4 4`.

    The first half of the gap repeats the symbol before it, which takes memory; the second half repeats the symbol after
    it, which lies in the future. A causal model cannot know that one, so its best accuracy is
    (1 + 1 / `alphabet`) / 2; a model that reads both ways can be right always. Not scored are the outermost blanks,
    whose answer stands beside them, and at an odd length the blank in the middle, which has two nearest ends. Of the
    `context` symbols on each side, the ones next to the gap matter; the others are distractors.

    Inputs: 0 .. alphabet-1 are the symbols, `alphabet` is the blank.
    """

    reference = (
        "nearest-neighbour imputation as a task, of this package; the need of both directions: Schuster & Paliwal "
        "1997, Bidirectional Recurrent Neural Networks; filling gaps by them: Cao et al. 2018, BRITS, arXiv:1805.10572"
    )
    solved_at = 0.95
    min_length = 4

    def __init__(self, *, alphabet: int = 8, context: int = 5) -> None:
        if alphabet < 2:
            raise ValueError(f"one symbol alone needs no memory: alphabet >= 2, got alphabet={alphabet}")
        if context < 1:
            raise ValueError(f"a gap is filled from its ends: context >= 1, got context={context}")
        self.alphabet, self.context = alphabet, context
        self.inputs = Tokens(alphabet + 1)
        self.targets = Classes(alphabet)
        self.target_symbols = list(map(str, range(alphabet)))
        self.input_symbols = [*self.target_symbols, "_"]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        start, end = self.context, self.context + length
        inputs = torch.randint(self.alphabet, (batch_size, end + self.context), generator=generator)
        half = length // 2
        targets = inputs.clone()
        targets[:, start : start + half] = inputs[:, start - 1 : start]
        targets[:, start + half : end] = inputs[:, end : end + 1]
        inputs[:, start:end] = self.alphabet
        mask = torch.zeros_like(inputs, dtype=torch.bool)
        mask[:, start + 1 : start + half] = True
        mask[:, end - half : end - 1] = True
        return Batch(inputs, targets, mask)

    def remembered(self, batch: Batch) -> Tensor:
        """The symbol before the gap, from the step that shows it to the middle of the gap."""
        length = batch.inputs.shape[1] - 2 * self.context
        step = torch.arange(batch.inputs.shape[1])
        asked = (step >= self.context - 1) & (step < self.context + length // 2)
        return torch.where(asked, batch.inputs[:, self.context - 1, None], -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """How many blanks have come so far, and whether this is one."""
        blank = (batch.inputs == self.alphabet).float()
        return {"blank": blank, "blanks so far": blank.cumsum(dim=1)}

    def chance(self, length: int) -> float:
        """One of the alphabet: where the accuracy is taken, every input is a blank."""
        return 1 / self.alphabet
