"""RWKV-7: S_t = S_{t-1} (diag(w_t) - kappa^_t^T (a_t * kappa^_t)) + v_t^T k~_t, time mixing (Peng et al. 2025)."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Int, SearchSpace

from ._inputs import product
from ._memory import join_heads, outer, read, recall_by_transition, split_heads, until_end
from ._window import last_steps, with_past

_MIXED = "rdkvag"  # what sees a mixture of this step's inputs and the last one's
_POWERS = (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)  # where the mixtures begin in the first layer


class _Parts(NamedTuple):
    """What a step needs, each of shape (batch, heads, time, width)."""

    r: Tensor
    log_w: Tensor
    k: Tensor  # k~: the key as it is written
    v: Tensor
    kappa: Tensor  # kappa^: the key that is removed, of length 1
    a: Tensor
    gate: Tensor  # g, of shape (batch, time, inner)


class RWKV7(CellArchitecture):
    """The time mixing of the paper: a matrix of each head, which decays, takes out what one key holds and adds another.

    With x_c = x_t + mu_c (x_{t-1} - x_t) for each c of r, d, k, v, a, g:
    r = W_r x_r, v = W_v x_v, k = W_k x_k, kappa^ = normalised xi * k in each head, k~ = k * (1 + alpha (a - 1)),
    w = exp(-exp(-0.5) sigmoid(lora_d(x_d))), a = sigmoid(lora_a(x_a)), g = lora_g(x_g),
    out = W_o (g * (groupnorm(S_t r) + (r . (rho * k~)) v)). The lora have `rank` units. Each of the `heads` is
    hidden_size / heads wide, rounded up. The paper's layers after the first mix in the first one's v; here each has its
    own. The state is (x_t, S^T), of shapes (batch, 1, input_size) and (batch, heads, width, width). `step` is the
    equation; `forward` computes the same in chunks of time.
    """

    reference = "Peng et al. 2025, RWKV-7 Goose with Expressive Dynamic State Evolution, arXiv:2503.14456"
    facts = Facts(
        state="a matrix for each head: H^2 / heads numbers, and the last input",
        eigenvalues="[-0.46, 1], by the input",
        cannot="not settled for one layer; several recognise every regular language (Peng et al. 2025)",
        cost="4 H^2 + 6 rank H + 4 H^2 / heads",
        parallel="chunks",
    )
    search_space: ClassVar[SearchSpace] = {"heads": Int(1, 8), "rank": Int(8, 64, log=True)}

    def __init__(self, input_size: int, hidden_size: int, *, heads: int = 4, rank: int = 32) -> None:
        if heads < 1 or rank < 1:
            raise ValueError(f"rwkv7 needs heads >= 1 and rank >= 1, got heads={heads}, rank={rank}")
        super().__init__(input_size, hidden_size)
        self.heads, self.width = heads, -(-hidden_size // heads)
        inner = heads * self.width
        self.mu = nn.Parameter(torch.empty(len(_MIXED), input_size))
        self.r, self.k, self.v = (nn.Linear(input_size, inner, bias=False) for _ in range(3))
        self.decay, self.rate = _Lora(input_size, rank, inner, nn.Tanh()), _Lora(input_size, rank, inner, nn.Identity())
        narrow, wide = nn.Linear(input_size, rank, bias=False), nn.Linear(rank, inner, bias=False)
        self.gate = nn.Sequential(narrow, nn.Sigmoid(), wide)
        self.xi, self.alpha = nn.Parameter(torch.full((inner,), 0.85)), nn.Parameter(torch.ones(inner))
        self.rho = nn.Parameter(torch.zeros(inner))
        self.norm = nn.GroupNorm(heads, inner, eps=64e-5)
        self.leave = nn.Linear(inner, hidden_size, bias=False)  # W_o
        with torch.no_grad():
            position = torch.arange(input_size, device="cpu") / input_size
            self.mu.copy_(torch.stack([1 - position**power for power in _POWERS]))
            self.decay.bias.copy_(-6.5 + 5 * torch.linspace(0, 1, inner, device="cpu") ** 1.85)

    def initial_state(self, x: Tensor) -> State:
        kind = torch.promote_types(x.dtype, torch.float32)
        s = x.new_zeros(x.shape[0], self.heads, self.width, self.width, dtype=kind)
        return x.new_zeros(x.shape[0], 1, self.input_size), s

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        past, s = state
        parts = self._project(x.unsqueeze(1), past)
        r, log_w, k, v, kappa, a = (part.squeeze(2) for part in parts[:6])
        s = log_w.exp().unsqueeze(3) * s - outer(a * kappa, read(s, kappa)) + outer(k, v)
        return self._read_out(read(s, r).unsqueeze(2), parts).squeeze(1), (x.unsqueeze(1), s)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        past, s = self.initial_state(x) if state is None else state
        parts = self._project(x, past)
        k, rate, log_w = (until_end(part, lengths) for part in (parts.k, parts.a * parts.kappa, parts.log_w))
        o, s = recall_by_transition(parts.r, k, parts.v, -rate, parts.kappa, log_w, s)
        return self._read_out(o, parts), (last_steps(with_past(x, past, 1), 1, lengths), s)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The outputs, S^T, r, the keys written and removed, values, decay w, rate a and gate g."""
        past, _ = self.initial_state(x) if state is None else state
        parts = self._project(x, past)
        named = {"query": parts.r, "key": parts.k, "removed key": parts.kappa, "value": parts.v}
        named |= {"decay": parts.log_w.exp(), "rate": parts.a}
        seen = {name: join_heads(part) for name, part in named.items()}
        stepped = super().observe(x, state, lengths)
        return {"hidden": stepped["hidden"], "memory": stepped["state 2"], **seen, "output gate": parts.gate}

    def _project(self, x: Tensor, past: Tensor) -> _Parts:
        """For x of shape (batch, time, input_size) behind the last input, (batch, 1, input_size)."""
        before = with_past(x, past, 1)[:, :-1]
        mixed = dict(zip(_MIXED, (x + mu * (before - x) for mu in self.mu), strict=True))
        r, k, v = (product(mixed[name], getattr(self, name).weight) for name in "rkv")
        a = torch.sigmoid(self.rate(mixed["a"]))
        log_w = -math.exp(-0.5) * torch.sigmoid(self.decay(mixed["d"]))
        kappa = F.normalize(split_heads(self.xi * k, self.heads), dim=3)
        written = k * (1 + self.alpha * (a - 1))
        r, log_w, k, v, a = (split_heads(part, self.heads) for part in (r, log_w, written, v, a))
        return _Parts(r, log_w, k, v, kappa, a, self.gate(mixed["g"]))

    def _read_out(self, o: Tensor, parts: _Parts) -> Tensor:
        """The outputs for o of shape (batch, heads, time, width)."""
        flat = join_heads(o).to(parts.gate.dtype)
        normal = self.norm(flat.flatten(0, 1)).view_as(flat)
        rho = self.rho.to(o.dtype).view(self.heads, 1, self.width)
        present = (parts.r * rho * parts.k).sum(dim=3, keepdim=True) * parts.v
        out: Tensor = self.leave(parts.gate * (normal + join_heads(present).to(flat.dtype)))
        return out


class _Lora(nn.Module):
    """bias + f(x A) B through a few units, where A begins as zeros: at the start the inputs do not matter."""

    def __init__(self, inputs: int, rank: int, outputs: int, f: nn.Module) -> None:
        super().__init__()
        self.narrow, self.f = nn.Linear(inputs, rank, bias=False), f
        self.wide = nn.Linear(rank, outputs)
        nn.init.zeros_(self.narrow.weight)
        nn.init.orthogonal_(self.wide.weight, gain=0.1)
        nn.init.zeros_(self.wide.bias)

    @property
    def bias(self) -> Tensor:
        return self.wide.bias

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.wide(self.f(self.narrow(x)))
        return out
