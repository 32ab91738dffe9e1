"""LEM: long expressive memory, two states whose time steps are learned by gates (Rusch et al. 2022)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.architecture import Facts, State
from harness.space import Float, SearchSpace

from ._inputs import product
from ._loops import Named, Stepwise


class LEM(Stepwise):
    """Equation 3 of the paper, a multiscale system of differential equations in discrete time:

        Dt_t = dt sigmoid(W_1 y_{t-1} + V_1 u_t + b_1),    Dt'_t = dt sigmoid(W_2 y_{t-1} + V_2 u_t + b_2),
        z_t = (1 - Dt_t) z_{t-1} + Dt_t tanh(W_z y_{t-1} + V_z u_t + b_z),
        y_t = (1 - Dt'_t) y_{t-1} + Dt'_t tanh(W_y z_t + V_y u_t + b_y).

    y is given out. `dt` is the largest time step; the paper has 1 and, for long sequences, less: 0.0242 for adding. All
    parameters start uniformly within hidden_size^-1/2. The state is (y, z), each (batch, hidden_size).
    """

    reference = "Rusch, Mishra, Erichson & Mahoney 2022, Long Expressive Memory for Sequence Modeling, arXiv:2110.04744"
    facts = Facts(
        state="vectors y and z: 2 H numbers",
        eigenvalues="any complex number",
        cannot="unbounded counting, as its states are bounded (Weiss et al. 2018)",
        cost="4 H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {"dt": Float(0.01, 1.0, log=True)}
    loop, parts = "lem", 2

    def __init__(self, input_size: int, hidden_size: int, *, dt: float = 1.0) -> None:
        if dt <= 0:
            raise ValueError(f"dt must be above 0, got {dt}; the paper's default is 1")
        super().__init__(input_size, hidden_size)
        self.dt = dt
        self.v = nn.Linear(input_size, 4 * hidden_size)  # V and b of 1, 2, z, y
        self.w = nn.Linear(hidden_size, 3 * hidden_size, bias=False)  # W of 1, 2, z
        self.w_y = nn.Linear(hidden_size, hidden_size, bias=False)
        for p in self.parameters():
            nn.init.uniform_(p, -(hidden_size**-0.5), hidden_size**-0.5)

    def contributions(self, x: Tensor) -> Tensor:
        return product(x, self.v.weight, self.v.bias)

    def recurrent(self) -> tuple[Tensor, ...]:
        return self.w.weight, self.w_y.weight

    def constants(self) -> tuple[float, ...]:
        return (self.dt,)

    def step(self, a: Tensor, state: State, *weights: Tensor) -> tuple[Named, State]:
        (w, w_y), (y, z) = weights, state
        of_y = (a[:, : 3 * self.hidden_size] + y @ w.T).chunk(3, dim=1)
        dt_z, dt_y = self.dt * torch.sigmoid(of_y[0]), self.dt * torch.sigmoid(of_y[1])
        z = (1 - dt_z) * z + dt_z * torch.tanh(of_y[2])
        y = (1 - dt_y) * y + dt_y * torch.tanh(a[:, 3 * self.hidden_size :] + z @ w_y.T)
        return {"hidden": y, "z": z, "time step of z": dt_z, "time step of y": dt_y}, (y, z)
