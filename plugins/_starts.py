"""Where the step sizes of state space models begin."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def step_biases(count: int, low: float = 0.001, high: float = 0.1) -> Tensor:
    """Biases b, shape (count,), whose softplus(b) is drawn from `low` to `high`, evenly on a logarithmic scale.

    On the CPU, to be copied to where they belong: sizes are solved on the device "meta", where arithmetic is slow.
    """
    step = torch.empty(count, device="cpu").uniform_(math.log(low), math.log(high)).exp()
    return step + torch.log(-torch.expm1(-step))  # the inverse of softplus
