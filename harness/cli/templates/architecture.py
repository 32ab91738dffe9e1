"""MyCell: one line that describes it. `harness list` and `harness describe` show this line."""

from __future__ import annotations

from typing import ClassVar

import torch
from harness import CellArchitecture, Float
from torch import Tensor, nn


class MyCell(CellArchitecture):
    """h' = h + z * (tanh(W x + U h + b) - h), with the gate z = sigmoid(V x + c)."""

    reference = ""  # the paper
    search_space: ClassVar = {"gate_bias": Float(-3.0, 1.0)}  # the ranges that `harness tune` searches

    def __init__(self, input_size: int, hidden_size: int, *, gate_bias: float = -1.0) -> None:
        super().__init__(input_size, hidden_size)
        # YOURS: the weights. Further arguments, each with a default, are options (`--set gate_bias=0`).
        self.enter = nn.Linear(input_size, 2 * hidden_size)
        self.recur = nn.Linear(hidden_size, hidden_size, bias=False)
        nn.init.constant_(self.enter.bias[hidden_size:], gate_bias)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        # YOURS: one time step. x: (batch, input_size). state: (batch, hidden_size), zeros at first.
        candidate, gate = self.enter(x).chunk(2, dim=1)
        state = state + torch.sigmoid(gate) * (torch.tanh(candidate + self.recur(state)) - state)
        return state, state  # the output, and the state for the next step
