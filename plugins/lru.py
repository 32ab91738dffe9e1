"""The linear recurrent unit: a diagonal complex recurrence, parallel in time (Orvieto et al. 2023)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Float, SearchSpace

from ._inputs import product
from ._scan import at_last_step, scan


class LRU(Architecture):
    """The paper's layer and a nonlinearity: h' = a * h + g * (B x), out = gelu(Re(C h) + D x).

    B and C are complex matrices, D is real; a and g are vectors, and h has `hidden_size` complex entries. The moduli of
    a start between `r_min` and `r_max`, evenly over that ring, its phases between 0 and `max_phase`, and it is kept
    inside the unit circle as a = exp(-exp(nu) + i exp(theta)). nu, theta and g learn at `lr_scale` times the run's rate
    and do not decay. The paper's blocks add a norm over the batch, whose rows must not see each other here, a gated
    linear unit and a skip: `deep:lru`, with its option `residual`, comes nearest. The state is h, (batch, hidden_size).
    """

    reference = "Orvieto et al. 2023, Resurrecting Recurrent Neural Networks for Long Sequences, arXiv:2303.06349"
    facts = Facts(
        state="complex vector h: 2 H numbers",
        eigenvalues="complex, inside the unit circle, the same at each step",
        cannot="parity (Sarrof et al. 2024)",
        cost="2 H^2",
        parallel="scan",
    )
    search_space: ClassVar[SearchSpace] = {
        "r_min": Float(0.0, 0.98),
        "r_max": Float(0.99, 0.9999),
        "max_phase": Float(0.01, 2 * math.pi, log=True),
        "lr_scale": Float(0.1, 1.0, log=True),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        r_min: float = 0.9,
        r_max: float = 0.999,
        max_phase: float = 6.28,
        lr_scale: float = 0.5,
    ) -> None:
        if not 0.0 <= r_min < r_max < 1.0:
            raise ValueError(f"0 <= r_min < r_max < 1 must hold, got r_min={r_min}, r_max={r_max}")
        if max_phase <= 0 or lr_scale <= 0:
            raise ValueError(f"max_phase and lr_scale must be positive, got {max_phase} and {lr_scale}")
        super().__init__(input_size, hidden_size)
        self.lr_scale = lr_scale
        squares, phases = torch.empty(2, hidden_size).uniform_(1e-6, 1.0)  # not 0, whose logarithm is infinite
        squares = r_min**2 + squares * (r_max**2 - r_min**2)
        self.nu = nn.Parameter((-0.5 * squares.log()).log())
        self.theta = nn.Parameter((max_phase * phases).log())
        self.gain = nn.Parameter(0.5 * (1 - squares).log())  # the logarithm of g: states start as large as B u
        self.enter = nn.Linear(input_size, 2 * hidden_size, bias=False)  # B: a real and an imaginary part, in turns
        self.leave = nn.Linear(2 * hidden_size, hidden_size, bias=False)  # C, its imaginary parts negated
        self.direct = nn.Linear(input_size, hidden_size)  # D
        nn.init.normal_(self.enter.weight, std=(2 * input_size) ** -0.5)
        nn.init.normal_(self.leave.weight, std=hidden_size**-0.5)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        h = self._states(x, state)
        out = F.gelu(
            self.leave(torch.view_as_real(h).flatten(2).to(x.dtype)) + product(x, self.direct.weight, self.direct.bias)
        )
        return out, at_last_step(h, lengths)

    def _states(self, x: Tensor, state: State) -> Tensor:
        """All states, complex of shape (batch, time, hidden_size), in 32 bits at least."""
        kind = torch.promote_types(x.dtype, torch.float32)
        nu, theta = self.nu.to(kind).exp(), self.theta.to(kind).exp()
        into = product(x, self.enter.weight * self.gain.exp().repeat_interleave(2).unsqueeze(1))
        b = torch.view_as_complex(into.to(kind).reshape(*x.shape[:2], -1, 2))
        start = b.new_zeros(b.shape[0], b.shape[2]) if state is None else state
        return scan(torch.polar((-nu).exp(), theta), b, start)

    def parameter_groups(self) -> list[dict[str, Any]]:
        slow = [self.nu, self.theta, self.gain]
        rest = [p for p in self.parameters() if all(p is not other for other in slow)]
        return [{"params": rest}, {"params": slow, "lr_scale": self.lr_scale, "weight_decay": 0.0}]
