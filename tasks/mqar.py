"""Multi-query associative recall: pairs of a key and a value, then a question for every key."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens


class MQAR(Task):
    """Which value came with this key? `pairs` keys and values, then every key again, with blanks in between.

    Example with two pairs and `length` 12: the input `k3 v7 k1 v2 k1 _ _ _ _ _ k3 _` asks for v2 at the second k1 and
    for v7 at the second k3. Nothing is asked at the other steps.

    As published: `length` is the number of steps; the first 2 x `pairs` are the pairs, the rest is cut into slots of
    two steps, and each key is asked for in one slot. The slots are drawn by a power law: slot i (from 1) with a
    probability proportional to i ^ (`gap` - 1), without replacement. So `gap`=1 asks uniformly late, and the published
    0.01 mostly early. Half of the `alphabet` are keys, half are values; those of a sequence all differ.

    Published are (length, pairs) = (64, 4), (128, 8), (256, 16) and an alphabet of 8192. The smaller alphabet here
    makes guessing easier (`chance`) and training cheaper.
    """

    reference = (
        "Arora et al. 2024, Zoology: Measuring and Improving Recall in Efficient Language Models, arXiv:2312.04927, "
        "Figure 2"
    )
    solved_at = 0.99

    inputs: Tokens
    targets: Classes

    def __init__(self, *, pairs: int = 4, gap: float = 0.01, alphabet: int = 64) -> None:
        if alphabet < 4 or alphabet % 2:
            raise ValueError(f"half of the alphabet are keys: alphabet must be even and >= 4, got alphabet={alphabet}")
        if not 1 <= pairs <= alphabet // 2:
            raise ValueError(f"each pair needs its own key: 1 <= pairs <= {alphabet // 2}, got pairs={pairs}")
        if not 0 < gap <= 1:
            raise ValueError(f"gap is the exponent of a power law, 0 < gap <= 1, got gap={gap}")
        self.pairs, self.gap, self.keys = pairs, gap, alphabet // 2
        self.min_length = 4 * pairs
        self.default_lengths = (8 * pairs, 16 * pairs, 32 * pairs)
        self.inputs = Tokens(alphabet + 1, embed=64)  # the last one is the blank
        self.targets = Classes(self.keys)
        numbers = range(self.keys)
        self.input_symbols = [*(f"k{i}" for i in numbers), *(f"v{i}" for i in numbers), "_"]
        self.target_symbols = [f"v{i}" for i in numbers]

    def refuse_length(self, length: int) -> None:
        """Every pair takes two steps, and so does the slot in which its key is asked for."""
        if length < self.min_length:
            raise ValueError(f"{self.pairs} pairs need a length of at least {self.min_length} (4 each), got {length}")

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        keys, values = (self._distinct(generator, batch_size) for _ in range(2))
        asked_at = 2 * self.pairs + 2 * self._slots(generator, batch_size, length)
        inputs = torch.full((batch_size, length), 2 * self.keys)
        inputs[:, 0 : 2 * self.pairs : 2] = keys
        inputs[:, 1 : 2 * self.pairs : 2] = self.keys + values
        inputs.scatter_(1, asked_at, keys)
        targets = torch.zeros_like(inputs).scatter_(1, asked_at, values)
        mask = torch.zeros_like(inputs, dtype=torch.bool).scatter_(1, asked_at, torch.ones_like(keys, dtype=torch.bool))
        return Batch(inputs, targets, mask)

    def _distinct(self, generator: Generator, batch_size: int) -> Tensor:
        """Different numbers below `keys` for each row, shape (batch, pairs)."""
        return torch.rand(batch_size, self.keys, generator=generator).topk(self.pairs, dim=1).indices

    def _slots(self, generator: Generator, batch_size: int, length: int) -> Tensor:
        """The slot in which each pair is asked for, shape (batch, pairs): weighted draws without replacement.

        The largest of log(weight) + Gumbel noise come in the order of such draws (Efraimidis & Spirakis 2006).
        """
        slots = (length - 2 * self.pairs) // 2
        log_weight = (self.gap - 1) * torch.arange(1, slots + 1).log()
        noise = -torch.rand(batch_size, slots, generator=generator, dtype=torch.float64).log().neg().log()
        return (log_weight + noise).topk(self.pairs, dim=1).indices

    def chance(self, length: int) -> float:
        """One of the values: where the accuracy is taken, the input is a key, which says nothing of its value."""
        return 1 / self.keys

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each key: its value, from the step that shows the value to the one that asks for it."""
        shown = 2 * self.pairs
        steps = torch.arange(batch.inputs.shape[1])
        is_key = F.one_hot(batch.inputs[:, 0:shown:2], self.keys)  # (batch, pairs, keys)
        values = batch.inputs[:, 1:shown:2] - self.keys
        value = (is_key * (values[:, :, None] + 1)).sum(dim=1) - 1
        shown_at = (is_key * (2 * torch.arange(self.pairs) + 1)[:, None]).sum(dim=1)
        asked = batch.mask[:, :, None] & (batch.inputs[:, :, None] == torch.arange(self.keys))
        held = (shown_at[:, None] <= steps[:, None]) & (asked.long().cumsum(dim=1) - asked.long() == 0)
        return torch.where(held, value[:, None], -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether a key is asked for, how many pairs were shown, and how many questions are still to come."""
        steps = torch.arange(batch.inputs.shape[1])
        shown = ((steps + 1) // 2).clamp(max=self.pairs).expand_as(batch.inputs)
        asked = batch.mask.long()
        left = self.pairs - asked.cumsum(dim=1)
        return {"question": asked.float(), "pairs shown": shown.float(), "questions to come": left.float()}
