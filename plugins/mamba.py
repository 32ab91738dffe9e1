"""Mamba: a state space model whose step, input and output matrices depend on the input, S6 (Gu & Dao 2023)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Choice, Int, SearchSpace

from ._inputs import product
from ._selective import discretise, selective_scan
from ._short_conv import ShortConv
from ._starts import step_biases


class Mamba(CellArchitecture):
    """The block of the paper without norm and residual: `deep:block:mamba` with `expansion=0` is its stack.

    The inputs are projected to u and z of `expand` x hidden_size units; u = silu(conv(u)) with a causal convolution
    over `conv` steps. Each unit has `state` numbers h, and with A = -exp(log A), a parameter,

        h_t = exp(Delta_t A) h_{t-1} + Delta_t B_t u_t,    y_t = C_t h_t + D u_t,

    where B_t and C_t are linear in u_t, and Delta_t = softplus(W W' u_t + b), W' having hidden_size / 16 rows. The
    outputs are W_out (y * silu(z)). `signed` takes the factor 2 exp(Delta_t A) - 1, between -1 and 1 (Grazzi et al.).

    The state is (the last conv - 1 inputs of the convolution, h), of shapes (batch, conv - 1, units) and (batch, units,
    state). `step` is the equation; `forward` computes all steps at once by a scan.
    """

    reference = (
        "Gu & Dao 2023, Mamba: Linear-Time Sequence Modeling with Selective State Spaces, arXiv:2312.00752; "
        "signed: Grazzi et al. 2024, arXiv:2411.12537"
    )
    facts = Facts(
        state="a vector for each unit: expand (state + conv - 1) H numbers",
        eigenvalues="[0, 1]; [-1, 1] if signed; by the input",
        cannot="parity unless signed (Sarrof et al. 2024, Grazzi et al. 2024); A5 (Merrill et al. 2024)",
        cost="3 expand H^2 and 3 expand state H",
        parallel="scan",
    )
    search_space: ClassVar[SearchSpace] = {
        "expand": Int(1, 2),
        "state": Int(4, 32, log=True),
        "conv": Int(1, 4),
        "signed": Choice(False, True),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        expand: int = 2,
        state: int = 16,
        conv: int = 4,
        signed: bool = False,
    ) -> None:
        if expand < 1 or state < 1:
            raise ValueError(f"mamba needs expand >= 1 and state >= 1, got expand={expand}, state={state}")
        super().__init__(input_size, hidden_size)
        self.state, self.signed = state, signed
        self.units, self.rank = expand * hidden_size, -(-hidden_size // 16)
        self.enter = nn.Linear(input_size, 2 * self.units, bias=False)
        self.conv = ShortConv(self.units, conv, bias=True)
        self.select = nn.Linear(self.units, self.rank + 2 * state, bias=False)  # W', B, C
        self.delta = nn.Linear(self.rank, self.units)  # W, b
        self.log_a = nn.Parameter(torch.empty(self.units, state))
        self.d = nn.Parameter(torch.ones(self.units))
        self.leave = nn.Linear(self.units, hidden_size, bias=False)
        nn.init.uniform_(self.delta.weight, -(self.rank**-0.5), self.rank**-0.5)
        with torch.no_grad():
            self.delta.bias.copy_(step_biases(self.units))
            self.log_a.copy_(torch.arange(1.0, state + 1, device="cpu").log())

    def initial_state(self, x: Tensor) -> State:
        kind = torch.promote_types(x.dtype, torch.float32)
        return self.conv.initial_state(x), x.new_zeros(x.shape[0], self.units, self.state, dtype=kind)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        past, h = state
        u, z, delta, b, c, past = self._project(x.unsqueeze(1), past)
        u, z, delta, b, c = (part.squeeze(1) for part in (u, z, delta, b, c))
        h = discretise(delta, self._a(h), self.signed) * h + (delta * u).unsqueeze(2) * b.unsqueeze(1)
        y = (h * c.unsqueeze(1)).sum(dim=2) + self.d * u
        out: Tensor = self.leave(y.to(x.dtype) * F.silu(z))
        return out, (past, h)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        past, h = self.initial_state(x) if state is None else state
        u, z, delta, b, c, past = self._project(x, past, lengths)
        y, h = selective_scan(u, delta, self._a(h), b, c, h, self.signed)
        return product((y + self.d * u).to(x.dtype) * F.silu(z), self.leave.weight), (past, h)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The outputs, h, u, the gate, Delta, B, C, and the factor of each state of each unit."""
        past, h = self.initial_state(x) if state is None else state
        u, z, delta, b, c, _ = self._project(x, past)
        decay = discretise(delta, self._a(h), self.signed).flatten(2)
        seen = {"u": u, "output gate": F.silu(z), "delta": delta, "b": b, "c": c, "decay": decay}
        stepped = super().observe(x, state, lengths)
        return {"hidden": stepped["hidden"], "state": stepped["state 2"], **seen}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """A and D do not decay, as published."""
        kept = [self.log_a, self.d]
        rest = [p for p in self.parameters() if all(p is not other for other in kept)]
        return [{"params": rest}, {"params": kept, "weight_decay": 0.0}]

    def _a(self, h: Tensor) -> Tensor:
        return -self.log_a.to(h.dtype).exp()

    def _project(self, x: Tensor, past: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        """u, z, Delta, B and C, each (batch, time, width), and the past of the convolution after each row's last step.

        Beyond a row's length Delta is 0, which keeps the states as they are.
        """
        kind = torch.promote_types(x.dtype, torch.float32)
        u, z = product(x, self.enter.weight).chunk(2, dim=2)
        u, past = self.conv(u, past, lengths)
        u = F.silu(u)
        narrow, b, c = torch.split(product(u, self.select.weight), [self.rank, self.state, self.state], dim=2)
        delta = F.softplus(product(narrow, self.delta.weight, self.delta.bias)).to(kind)
        if lengths is not None:
            ended = torch.arange(x.shape[1], device=x.device) >= lengths.to(x.device).unsqueeze(1)
            delta = delta.masked_fill(ended.unsqueeze(2), 0.0)
        return u, z, delta, b.to(kind), c.to(kind), past
