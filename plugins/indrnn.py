"""IndRNN: units that see only themselves over time, h_t = f(W x_t + u * h_{t-1} + b) (Li et al. 2018)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from harness.architecture import Facts, State
from harness.space import Choice, SearchSpace

from ._inputs import product
from ._loops import Named, Stepwise

Nonlinearity = Literal["relu", "tanh"]


class IndRNN(Stepwise):
    """h_t = f(W x_t + u * h_{t-1} + b) with a vector u: what units make of each other is for the layers above to learn.

    u is kept within 2^(1/T) either way, where T is the number of steps of the run's longest sequence, so that over a
    whole sequence no gradient grows by more than 2; without a T it is kept within 1. It starts uniformly between 0 and
    1, as published. The paper stacks several layers: `deep:indrnn`. The state is h, (batch, hidden_size).
    """

    reference = (
        "Li et al. 2018, Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN, "
        "arXiv:1803.04831"
    )
    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="real, within 2^(1/T)",
        cannot="no proof known to us",
        cost="H",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {"nonlinearity": Choice("relu", "tanh")}
    loop, parts = "indrnn", 1

    def __init__(
        self, input_size: int, hidden_size: int, *, nonlinearity: Nonlinearity = "relu", max_length: int | None = None
    ) -> None:
        if nonlinearity not in get_args(Nonlinearity):
            raise ValueError(f"nonlinearity must be 'relu' or 'tanh', got {nonlinearity!r}; leave it out for 'relu'")
        super().__init__(input_size, hidden_size)
        self.nonlinearity = nonlinearity
        self.bound = 1.0 if max_length is None else 2.0 ** (1 / max_length)
        self.enter = nn.Linear(input_size, hidden_size)  # W, b
        self.u = nn.Parameter(torch.empty(hidden_size).uniform_(0.0, 1.0))

    def contributions(self, x: Tensor) -> Tensor:
        return product(x, self.enter.weight, self.enter.bias)

    def recurrent(self) -> tuple[Tensor, ...]:
        """u, cut to its bounds as the paper does after every update.

        By `.data`, of which autograd keeps no account: a second pass before the backward one changes nothing any more.
        """
        self.u.data.clamp_(-self.bound, self.bound)
        return (self.u,)

    def constants(self) -> tuple[float, ...]:
        return (float(self.nonlinearity == "tanh"),)

    def step(self, a: Tensor, state: State, *weights: Tensor) -> tuple[Named, State]:
        (u,) = weights
        f = torch.relu if self.nonlinearity == "relu" else torch.tanh
        h = f(a + u * state)
        return {"hidden": h}, h
