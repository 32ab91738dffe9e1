"""Word problem of a group: the product of all elements so far (state tracking)."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens

from ._groups import group_of


class WordProblem(Task):
    """`length` random elements of a finite group; after each of them, the product of all so far.

    Example in s3, whose elements are the orders of three things: after `213` (swap the first two) and `132` (swap the
    last two) the product is `312`, and after one more `213` it is `321`. Example in z5, the sums modulo 5: the input
    `3 4 1` is answered by `3 2 3`.

    `group` is s3, s4, s5 (all permutations of so many things), a4, a5 (the even ones), zN (integers modulo N), or a
    product of these, as a4xz5. The state has as many values as the group has elements. z60, a4xz5 and a5 all have 60,
    but they differ in kind: z60 is commutative, a4xz5 is solvable, a5 is not. A model of fixed depth that computes all
    steps in parallel (a transformer, a linear recurrence with diagonal matrices) cannot follow a5 at every length,
    unless TC0 = NC1; one layer of a recurrence that is not linear can.

    The accuracy is over all prefixes but the first, whose answer is its own input. Element 0 is the neutral one.
    """

    reference = (
        "Merrill, Petty & Sabharwal 2024, The Illusion of State in State-Space Models, arXiv:2404.08819; hardness: "
        "Barrington 1989, Bounded-Width Polynomial-Size Branching Programs"
    )
    solved_at = 0.95
    min_length = 2
    default_lengths = (5, 10, 20, 40)

    inputs: Tokens
    targets: Classes

    def __init__(self, *, group: str = "s3") -> None:
        self.group = group
        self.table, names = group_of(group)
        self.inputs, self.targets = Tokens(len(names)), Classes(len(names))
        self.input_symbols = self.target_symbols = names

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        inputs = torch.randint(self.inputs.size, (batch_size, length), generator=generator)
        mask = torch.ones_like(inputs, dtype=torch.bool)
        loss_mask = mask.clone()
        mask[:, 0] = False
        return Batch(inputs, self._products(inputs), mask, loss_mask=loss_mask)

    def _products(self, elements: Tensor) -> Tensor:
        """The product of each prefix, int64 (batch, time)."""
        products = [elements[:, 0]]
        for element in elements.unbind(dim=1)[1:]:
            products.append(self.table[products[-1], element])
        return torch.stack(products, dim=1)

    def chance(self, length: int) -> float:
        """One of the elements: whatever the last one is, the product before it can be any, equally likely."""
        return 1 / self.targets.size

    def remembered(self, batch: Batch) -> Tensor:
        """The product of the elements so far."""
        return batch.targets

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """For each element but the neutral one, whether the product is that element; at most the first 12 of them."""
        names = list(enumerate(self.target_symbols))[1:13]
        return {f"the product is {name}": (batch.targets == number).float() for number, name in names}
