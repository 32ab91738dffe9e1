"""Associative recall: the value that was shown with a key, one question at the end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class AssociativeRecall(Task):
    """Pairs of a key and its value among distractors; at the end a key is shown again: what was its value?

    Example with two pairs and `length` 4: the input `. k2 v5 . . k0 v1 . ? k2` is answered by v5. ("I grew up in France
    ... I speak fluent _.")

    Each of the `pairs` is a key and, right after it, its value. They stand anywhere among `length` distractors; a
    question mark and the key that is asked for follow. All keys of a sequence differ. In the literature the number of
    pairs grows (Ba et al. have nothing else: 'c9k8j3f1??c' is answered by 9; `mqar` asks for many keys). Here it is an
    option, and `length` is how long all of them must be kept.

    Inputs: first the `keys`, then the `values`, the distractors, and the question mark. Targets: values from 0.
    """

    reference = (
        "Ba et al. 2016, Using Fast Weights to Attend to the Recent Past, arXiv:1610.06258; many keys: Arora et al. "
        "2023, Zoology, arXiv:2312.04927; the name: Graves, Wayne & Danihelka 2014, Neural Turing Machines, "
        "arXiv:1410.5401, where an item is answered by the one that followed it"
    )
    solved_at = 0.95
    default_lengths = (1, 5, 20, 50)
    readout = "last"

    def __init__(self, *, pairs: int = 3, keys: int = 8, values: int = 8, distractors: int = 4) -> None:
        if not 1 <= pairs <= keys:
            raise ValueError(f"each pair needs a key of its own: 1 <= pairs <= keys, got pairs={pairs}, keys={keys}")
        if values < 2 or distractors < 1:
            found = f"values={values}, distractors={distractors}"
            raise ValueError(f"associative recall needs values >= 2 and distractors >= 1, got {found}")
        self.pairs, self.keys, self.values, self.distractors = pairs, keys, values, distractors
        self.inputs = Tokens(keys + values + distractors + 1)
        self.targets = Classes(values)
        self.target_symbols = [f"v{number}" for number in range(values)]
        keys_shown = [f"k{number}" for number in range(keys)]
        noise = [f"d{number}" for number in range(distractors)]
        self.input_symbols = [*keys_shown, *self.target_symbols, *noise, "?"]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        keys = torch.rand(batch_size, self.keys, generator=generator).argsort(dim=1)[:, : self.pairs]
        values = torch.randint(self.values, keys.shape, generator=generator)
        inputs = torch.randint(self.distractors, (batch_size, length + 2 * self.pairs + 2), generator=generator)
        inputs += self.keys + self.values
        places = self._places(generator, batch_size, length)
        inputs.scatter_(1, places, keys)
        inputs.scatter_(1, places + 1, self.keys + values)
        asked = torch.randint(self.pairs, (batch_size, 1), generator=generator)
        inputs[:, -2] = self.inputs.size - 1
        inputs[:, -1:] = keys.gather(1, asked)
        return Batch(inputs, values.gather(1, asked), torch.ones_like(asked, dtype=torch.bool))

    def _places(self, generator: Generator, batch_size: int, length: int) -> Tensor:
        """The steps of the keys, in order, with room for a value after each: every such choice is as likely."""
        things = length + self.pairs
        chosen = torch.rand(batch_size, things, generator=generator).topk(self.pairs, dim=1).indices
        return chosen.sort(dim=1).values + torch.arange(self.pairs)

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each of the keys: its value, from the step that shows the value to the end."""
        keys, values = batch.inputs[:, :-3], batch.inputs[:, 1:-2] - self.keys  # the last two steps are the question
        is_pair = (keys[:, :, None] == torch.arange(self.keys)).long()
        told = F.pad((is_pair * (values[:, :, None] + 1)).cumsum(dim=1), (0, 0, 1, 2))  # 0: not yet shown
        told[:, -2:] = told[:, -3:-2]
        return told - 1

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """How many pairs were shown, and whether the question has been asked."""
        pairs = (self.remembered(batch) >= 0).sum(dim=2)
        asked = (batch.inputs == self.inputs.size - 1).long().cumsum(dim=1)
        return {"pairs shown": pairs.float(), "question": asked.float()}

    def chance(self, length: int) -> float:
        """One of the values: the key alone, which the last step shows, says nothing of it."""
        return 1 / self.values
