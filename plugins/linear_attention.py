"""Linear attention, S_t = Diag(a_t) S_{t-1} + k_t v_t^T: no decay, a fixed one (RetNet), or the input's (GLA).

Katharopoulos et al. 2020, Sun et al. 2023, Yang et al. 2023.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Choice, Int, SearchSpace

from ._inputs import product
from ._memory import STRONGEST, join_heads, outer, read, recall, split_heads, until_end

Decay = Literal["none", "fixed", "input"]
_TEMPERATURE = 16  # tau of GLA: decays begin near 1
_RANK = 16  # of GLA's gate


class LinearAttention(CellArchitecture):
    """Attention without softmax, whose past is a matrix S of each head: o_t = S_t^T q_t with q, k, v = W x.

    `decay` "none" is Katharopoulos et al.: a_t = 1, keys and queries are phi(u) = elu(u) + 1, and o_t is divided by
    z_t^T q_t with z_t = z_{t-1} + k_t; the outputs are W_O o. "fixed" is RetNet without its rotations: head h decays
    by a = 1 - 2^(-5-h). "input" is GLA: each key decays by a_t = sigmoid(W_2 W_1 x + b)^(1/16), here exp(-5) at least.
    Both give W_O (swish(W_R x) * rmsnorm(o)). Each of the `heads` is hidden_size / heads wide, rounded up.

    The state is (S, z), of shapes (batch, heads, width, width) and (batch, heads, width), or S alone with a decay.
    `step` is the equation; `forward` computes the same in chunks of time.
    """

    reference = (
        "Katharopoulos et al. 2020, Transformers are RNNs, arXiv:2006.16236; fixed: Sun et al. 2023, Retentive "
        "Network, arXiv:2307.08621; input: Yang et al. 2023, Gated Linear Attention, arXiv:2312.06635"
    )
    facts = Facts(
        state="a matrix for each head: H^2 / heads numbers, and H without decay",
        eigenvalues="1; with decay [0, 1]",
        cannot="parity (Sarrof et al. 2024, Grazzi et al. 2024)",
        cost="4 H^2 + 2 H^2 / heads",
        parallel="chunks",
    )
    search_space: ClassVar[SearchSpace] = {"decay": Choice("none", "fixed", "input"), "heads": Int(1, 8)}

    def __init__(self, input_size: int, hidden_size: int, *, decay: Decay = "none", heads: int = 4) -> None:
        if decay not in get_args(Decay):
            raise ValueError(f"decay must be 'none', 'fixed' or 'input', got {decay!r}; leave it out for 'none'")
        if heads < 1:
            raise ValueError(f"heads must be at least 1, got {heads}; 1 is one matrix for all")
        super().__init__(input_size, hidden_size)
        self.decay, self.heads = decay, heads
        self.width = -(-hidden_size // heads)
        inner = heads * self.width
        self.enter = nn.Linear(input_size, 3 * inner, bias=False)  # W_Q, W_K, W_V
        self.leave = nn.Linear(inner, hidden_size, bias=False)  # W_O
        if decay != "none":
            self.gate = nn.Linear(input_size, inner)  # W_R
            self.norm = nn.RMSNorm(self.width, eps=1e-5)
        if decay == "input":
            w_1, w_2 = nn.Linear(input_size, _RANK, bias=False), nn.Linear(_RANK, inner)
            self.forget = nn.Sequential(w_1, w_2)

    def initial_state(self, x: Tensor) -> State:
        kind = torch.promote_types(x.dtype, torch.float32)
        s = x.new_zeros(x.shape[0], self.heads, self.width, self.width, dtype=kind)
        return (s, s[..., 0]) if self.decay == "none" else s

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        q, k, v, log_a = (part.squeeze(2) for part in self._project(x.unsqueeze(1)))
        s, z = state if self.decay == "none" else (state, torch.zeros_like(k))
        s, z = log_a.exp().unsqueeze(3) * s + outer(k, v), z + k
        o = read(s, q)
        if self.decay == "none":
            o = o / ((z * q).sum(dim=2, keepdim=True) + 1e-6)
        out = self._read_out(x.unsqueeze(1), o.unsqueeze(2)).squeeze(1)
        return out, (s, z) if self.decay == "none" else s

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        q, k, v, log_a = self._project(x)
        k, log_a = until_end(k, lengths), until_end(log_a, lengths)
        state = self.initial_state(x) if state is None else state
        if self.decay != "none":
            o, s = recall(q, k, v, log_a, state)
            return self._read_out(x, o), s
        v = torch.cat([v, torch.ones_like(v[..., :1])], dim=3)  # z is remembered as one more value, which is always 1
        o, s = recall(q, k, v, log_a, torch.cat([state[0], state[1].unsqueeze(3)], dim=3))
        return self._read_out(x, o[..., :-1] / (o[..., -1:] + 1e-6)), (s[..., :-1], s[..., -1])

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The outputs, S, queries, keys, values and decays: a width of 1 for each head where heads decay as a whole."""
        q, k, v, log_a = self._project(x)
        parts = {"query": q, "key": k, "value": v, "decay": log_a.exp()}
        stepped = super().observe(x, state, lengths)
        memory = stepped["state 1" if self.decay == "none" else "state"]
        return {
            "hidden": stepped["hidden"],
            "memory": memory,
            **{name: join_heads(part) for name, part in parts.items()},
        }

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """q, k, v and the logarithm of a, each (batch, heads, time, width); the last may have the width 1."""
        q, k, v = (split_heads(part, self.heads) for part in product(x, self.enter.weight).chunk(3, dim=2))
        if self.decay == "none":
            return F.elu(q) + 1, F.elu(k) + 1, v, torch.zeros_like(v[..., :1])
        if self.decay == "input":
            log_a = (F.logsigmoid(split_heads(self.forget(x), self.heads)) / _TEMPERATURE).clamp(min=STRONGEST)
        else:
            log_a = torch.log1p(-(2.0 ** -torch.arange(5, 5 + self.heads, device=v.device, dtype=v.dtype)))
            log_a = log_a.view(1, -1, 1, 1).expand_as(v[..., :1])
        return q, k / self.width**0.5, v, log_a

    def _read_out(self, x: Tensor, o: Tensor) -> Tensor:
        """The outputs for o of shape (batch, heads, time, width)."""
        if self.decay == "none":
            read = join_heads(o).to(x.dtype)
        else:
            normal = F.rms_norm(o, (self.width,), self.norm.weight.to(o.dtype), self.norm.eps)
            read = F.silu(self.gate(x)) * join_heads(normal).to(x.dtype)
        out: Tensor = self.leave(read)
        return out
