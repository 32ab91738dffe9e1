"""The last input alone: no memory at all. A distribution of one module, without a package."""

from __future__ import annotations

from torch import Tensor, nn


class Twin(nn.Module):
    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)
