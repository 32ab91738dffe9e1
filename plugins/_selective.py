"""The selective recurrence of Mamba: h_t = A_t h_{t-1} + Delta_t B_t u_t, y_t = C_t h_t, each state by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from ._scan import scan


def discretise(delta: Tensor, a: Tensor, signed: bool) -> Tensor:
    """The factor of each state in a step, exp(delta a), or 2 exp(delta a) - 1 if `signed`.

    Of shape (..., units, states) for delta of shape (..., units) and `a` of shape (units, states).
    """
    decay = (delta.unsqueeze(-1) * a).exp()
    return 2 * decay - 1 if signed else decay


def selective_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, signed: bool
) -> tuple[Tensor, Tensor]:
    """y for all steps, (batch, time, units), and the states after the last, (batch, units, states), begun from h.

    u and delta have the shape (batch, time, units), b and c (batch, time, states), and `a`, negative, (units, states).
    """
    factor = discretise(delta, a, signed)
    given = (delta * u).unsqueeze(3) * b.unsqueeze(2)
    states = scan(factor.flatten(2), given.flatten(2), h.flatten(1)).view_as(given)
    return torch.einsum("btds,bts->btd", states, c), states[:, -1]
