"""Where the step sizes of state space models begin."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def step_biases(count: int, low: float = 0.001, high: float = 0.1) -> Tensor:
    """Biases b, shape (count,), whose softplus(b) is drawn from `low` to `high`, evenly on a logarithmic scale."""
    step = torch.empty(count).uniform_(math.log(low), math.log(high)).exp()
    return step + torch.log(-torch.expm1(-step))  # the inverse of softplus
