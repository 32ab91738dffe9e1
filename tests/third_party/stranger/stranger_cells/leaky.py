"""A leaky integrator: a plain module that imports nothing of the harness."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Leaky(nn.Module):
    """h_t = (1 - leak) h_{t-1} + leak tanh(W x_t + U h_{t-1} + b)."""

    def __init__(self, input_size: int, hidden_size: int, *, leak: float = 0.5) -> None:
        super().__init__()
        self.hidden_size, self.leak = hidden_size, leak
        self.feed = nn.Linear(input_size, hidden_size)
        self.recur = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = x.new_zeros(x.shape[0], self.hidden_size)
        outputs = []
        for fed in self.feed(x).unbind(dim=1):
            h = (1 - self.leak) * h + self.leak * torch.tanh(fed + self.recur(h))
            outputs.append(h)
        return torch.stack(outputs, dim=1), h
