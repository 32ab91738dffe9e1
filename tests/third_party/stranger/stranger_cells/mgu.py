"""A minimal gated unit, written as one time step (Zhou et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness import CellArchitecture


class MGU(CellArchitecture):
    """One gate decides both what is forgotten and what is taken in."""

    reference = "Zhou et al. 2016, Minimal Gated Unit for Recurrent Neural Networks, arXiv:1603.09420"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.gate = nn.Linear(input_size + hidden_size, hidden_size)
        self.candidate = nn.Linear(input_size + hidden_size, hidden_size)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        forget = torch.sigmoid(self.gate(torch.cat([x, state], dim=1)))
        new = torch.tanh(self.candidate(torch.cat([x, forget * state], dim=1)))
        state = (1 - forget) * state + forget * new
        return state, state
