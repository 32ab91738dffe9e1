"""coRNN: coupled oscillators, y'' = tanh(W y + W' y' + V u + b) - gamma y - epsilon y' (Rusch & Mishra 2021)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.architecture import Facts, State
from harness.space import Float, SearchSpace

from ._inputs import product
from ._loops import Named, Stepwise


class CoRNN(Stepwise):
    """Equation 3 of the paper, the oscillators in discrete time:

        z_t = z_{t-1} + dt (tanh(W y_{t-1} + W' z_{t-1} + V u_t + b) - gamma y_{t-1} - epsilon z_{t-1}),
        y_t = y_{t-1} + dt z_t.

    y is given out; `dt` is the time step, `gamma` the frequency and `epsilon` the damping. The defaults are those of
    the paper's pixel-wise MNIST; for adding it has dt=0.06, gamma=66, epsilon=15. The state is (y, z), each
    (batch, hidden_size).
    """

    reference = "Rusch & Mishra 2021, Coupled Oscillatory Recurrent Neural Network (coRNN), arXiv:2010.00951"
    facts = Facts(
        state="vectors y and z: 2 H numbers",
        eigenvalues="complex, near the unit circle while dt is small",
        cannot="unbounded counting, as its states are bounded (Weiss et al. 2018)",
        cost="2 H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {
        "dt": Float(0.01, 0.1, log=True),
        "gamma": Float(0.2, 80.0, log=True),
        "epsilon": Float(1.0, 18.0, log=True),
    }
    loop, parts = "cornn", 2

    def __init__(
        self, input_size: int, hidden_size: int, *, dt: float = 0.042, gamma: float = 2.7, epsilon: float = 4.7
    ) -> None:
        if dt <= 0 or gamma <= 0 or epsilon <= 0:
            raise ValueError(f"dt, gamma and epsilon must be above 0, got dt={dt}, gamma={gamma}, epsilon={epsilon}")
        super().__init__(input_size, hidden_size)
        self.dt, self.gamma, self.epsilon = dt, gamma, epsilon
        self.v = nn.Linear(input_size, hidden_size)  # V, b
        self.w = nn.Linear(2 * hidden_size, hidden_size, bias=False)  # W and W'
        bound = (input_size + 2 * hidden_size) ** -0.5
        for p in self.parameters():
            nn.init.uniform_(p, -bound, bound)

    def contributions(self, x: Tensor) -> Tensor:
        return product(x, self.v.weight, self.v.bias)

    def recurrent(self) -> tuple[Tensor, ...]:
        return (self.w.weight,)

    def constants(self) -> tuple[float, ...]:
        return self.dt, self.gamma, self.epsilon

    def step(self, a: Tensor, state: State, *weights: Tensor) -> tuple[Named, State]:
        (w,), (y, z) = weights, state
        force = torch.tanh(a + torch.cat([y, z], dim=1) @ w.T)
        z = z + self.dt * (force - self.gamma * y - self.epsilon * z)
        y = y + self.dt * z
        return {"hidden": y, "velocity": z, "force": force}, (y, z)
