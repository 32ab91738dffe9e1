"""Copy memory: repeat a list of symbols after a long pause."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class Copy(Task):
    """Symbols, a pause of `length` - 1 blanks, a delimiter, then the symbols again: say them in the same order.

    Example with 3 symbols and `length` 4:

        input   3 1 4 _ _ _ > _ _ _
        answer  _ _ _ _ _ _ _ 3 1 4

    The model must keep all symbols over the pause. The accuracy counts the last steps only, those that repeat; the loss
    is over all `length` + 2 x `symbols` steps, as published. (Over all steps, a model without memory would be right at
    99 % of them after a pause of 1000, by saying blanks.) `selective` shows the symbols at random steps among the
    blanks, so that a fixed delay does not help. With `feedback` the steps that repeat get the answer of the step before
    in place of a blank, as a decoder does: in training the right one ("forced": teacher forcing) or the model's own
    ("own"); validation and test data always get the model's own.

    Inputs: 0 .. alphabet-1 are the symbols, `alphabet` is the blank, `alphabet` + 1 the delimiter. Targets: the same
    numbers; the delimiter is never a target.
    """

    reference = (
        "Arjovsky, Shah & Bengio 2016, Unitary evolution recurrent neural networks; selective: Gu & Dao 2023, Mamba; "
        "feedback: Williams & Zipser 1989, A Learning Algorithm for Continually Running Fully Recurrent Neural Networks"
    )
    solved_at = 0.95
    default_lengths = (1, 5, 20, 50, 100)

    def __init__(
        self,
        *,
        symbols: int = 10,
        alphabet: int = 8,
        selective: bool = False,
        feedback: Literal["none", "forced", "own"] = "none",
    ) -> None:
        if symbols < 1:
            raise ValueError(f"copy needs symbols to repeat: symbols >= 1, got symbols={symbols}")
        if alphabet < 2:
            raise ValueError(f"one symbol alone needs no memory: alphabet >= 2, got alphabet={alphabet}")
        self.symbols, self.alphabet, self.selective = symbols, alphabet, selective
        self.feedback, self.needs_causal = feedback, feedback != "none"
        self.inputs = Tokens(alphabet + 2)
        self.targets = Classes(alphabet + 1)
        self.target_symbols = [*map(str, range(alphabet)), "_"]
        self.input_symbols = [*self.target_symbols, ">"]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        blank, delimiter = self.alphabet, self.alphabet + 1
        before = self.symbols + length - 1  # steps before the delimiter
        answer = torch.randint(self.alphabet, (batch_size, self.symbols), generator=generator)
        inputs = torch.full((batch_size, before + 1 + self.symbols), blank)
        inputs.scatter_(1, self._places(generator, batch_size, before), answer)
        inputs[:, before] = delimiter
        targets = torch.full_like(inputs, blank)
        targets[:, -self.symbols :] = answer
        mask = torch.zeros_like(inputs, dtype=torch.bool)
        mask[:, -self.symbols :] = True
        batch = Batch(inputs, targets, mask, loss_mask=torch.ones_like(mask))
        if self.feedback == "none":
            return batch
        fed = torch.zeros_like(mask)
        fed[:, before + 2 :] = True
        inputs[:, before + 2 :] = answer[:, :-1]
        return batch._replace(fed=fed)

    def _places(self, generator: Generator, batch_size: int, before: int) -> Tensor:
        """The steps at which the symbols are shown, in order: the first ones, or any that differ if `selective`."""
        if not self.selective:
            return torch.arange(self.symbols).expand(batch_size, -1)
        shuffled = torch.rand(batch_size, before, generator=generator)
        return shuffled.topk(self.symbols, dim=1).indices.sort(dim=1).values

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each place in the list: its symbol, from the step that shows it to the step that repeats it."""
        step = torch.arange(batch.inputs.shape[1])
        shown = self._shown(batch)[:, None, :]
        repeated = step[-self.symbols :]
        asked = (shown <= step[:, None]) & (step[:, None] <= repeated)
        return torch.where(asked, batch.targets[:, None, -self.symbols :], -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether to repeat, the place in the list, and which symbol is to be repeated at this step."""
        place = (self._shown(batch)[:, None, :] <= torch.arange(batch.inputs.shape[1])[:, None]).sum(dim=2)
        repeating = batch.mask.long()
        found = {
            "repeating": repeating,
            "symbols shown": place,
            "symbols repeated": repeating.cumsum(dim=1),
            **{f"symbol {k} is due": repeating * (batch.targets == k) for k in range(self.alphabet)},
        }
        return {name: feature.float() for name, feature in found.items()}

    def _shown(self, batch: Batch) -> Tensor:
        """The steps at which the symbols are shown, in order, shape (batch, symbols)."""
        return (batch.inputs[:, : -self.symbols] < self.alphabet).nonzero()[:, 1].view(-1, self.symbols)

    def chance(self, length: int) -> float:
        """One of the alphabet: where the accuracy is taken, no input tells the symbol that is due."""
        return 1 / self.alphabet
