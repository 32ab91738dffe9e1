"""Counting: strings a^n b^n or a^n b^n c^n; at every step, which symbols may follow?"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens, refuse_unknown

Language = Literal["anbn", "anbncn"]


class Counting(Task):
    """As many b as there were a: n times a, then n times b; at every step, which symbols may come next.

    Example with n = 2: the input is `S a a b b`. After S only a may come; after each a, another a or a b; after the
    first b only b; after the second b only the end. A string counts as right only if every step of it is right, so a
    model must count: whatever n is, it has to say the end after exactly n b.

    `language` anbncn continues with n times c: after the last b only c may come, and the end after n of them. That
    language is not context-free.

    n is drawn uniformly from 1 to `length`, which is published as N, the longest n of the data. So few strings exist
    that training and test data share them; what is new to a model is a larger n: train with `--length 50` and test with
    `--test-length 100,200`, whose share of right strings is that of all n up to there.
    """

    reference = (
        "Gers & Schmidhuber 2001, LSTM Recurrent Networks Learn Simple Context Free and Context Sensitive Languages; "
        "who can count: Weiss, Goldberg & Yahav 2018, On the Practical Computational Power of Finite Precision RNNs, "
        "arXiv:1805.04908"
    )
    accuracy_over = "sequences"
    solved_at = 0.99
    min_length = 2
    few_sequences = True
    needs_causal = True

    def __init__(self, *, language: Language = "anbn") -> None:
        refuse_unknown("language of counting", language, get_args(Language))
        self.letters = 2 if language == "anbn" else 3
        self.inputs = Tokens(1 + self.letters)  # S, a, b, c
        self.targets = Classes(2, entries=self.letters + 1)  # may it come? of a, b, c and the end
        self.input_symbols = ["S", *"abc"[: self.letters]]
        self.entry_symbols = [*"abc"[: self.letters], "end"]

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        n = torch.randint(1, length + 1, (batch_size, 1), generator=generator)
        step = torch.arange(self.letters * length + 1)
        lengths = self.letters * n[:, 0] + 1
        letter = torch.where(step == 0, 0, 1 + (step - 1) // n)  # 0 is S, 1 is a, ...
        valid = step < lengths[:, None]
        ends_block = (step > 0) & (step % n == 0)
        entry = torch.arange(self.letters + 1)
        follows = torch.where(ends_block | (step == 0), letter, letter - 1)  # the entry of the only letter that fits
        targets = (entry == follows[:, :, None]) | ((letter == 1)[:, :, None] & (entry <= 1))
        inputs = letter * valid
        return Batch(inputs, (targets & valid[:, :, None]).long(), valid, lengths)

    def chance(self, length: int) -> float:
        """Only strings of n = 1 can be had without counting: whoever says the end after every b is right on these."""
        return 1 / length

    def remembered(self, batch: Batch) -> Tensor:
        """An item for each letter after a: how many of it are still due; asked from the first a to the last letter."""
        letter = torch.arange(1, self.letters + 1)
        counts = (batch.inputs[:, :, None] == letter).long().cumsum(dim=1)
        due = counts[:, :, :1] - counts[:, :, 1:]
        return torch.where((batch.inputs > 0)[:, :, None], due, -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """How many a there were, and how many of each other letter are still due."""
        due = self.remembered(batch).clamp(min=0).float()
        a = (batch.inputs == 1).long().cumsum(dim=1).float()
        return {"a so far": a, **{f"{'bc'[i]} due": due[:, :, i] for i in range(self.letters - 1)}}
