"""DeltaNet: S_t = S_{t-1} (I - beta_t k_t k_t^T) + beta_t v_t k_t^T, o_t = S_t q_t (Yang et al. 2024)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Choice, Int, SearchSpace

from ._inputs import product
from ._memory import join_heads, outer, read, recall_by_delta, split_heads, until_end
from ._short_conv import ShortConv
from ._starts import step_biases


class DeltaNet(CellArchitecture):
    """A matrix of each head, which replaces what it holds for a key: beta_t says how much of it.

    q, k, v = silu(conv(W x)) with a short causal convolution over `conv` steps; q and k have the length 1;
    beta_t = sigmoid(W_beta x), between 0 and 1. `negative` doubles it, so that the eigenvalue 1 - beta_t along k_t may
    be negative (Grazzi et al. 2024). `gated` is Gated DeltaNet: S_{t-1} decays by
    a_t = exp(-exp(A) softplus(W_a x + b)) first, and the outputs are W_O (rmsnorm(o) * silu(W_G x)) instead of
    W_O rmsnorm(o). Each of the `heads` is hidden_size / heads wide, rounded up.

    The state is (the last conv - 1 of W x, S^T), of shapes (batch, conv - 1, 3 heads width) and (batch, heads, width,
    width). `step` is the equation; `forward` computes the same in chunks of time.
    """

    reference = (
        "Schlag et al. 2021, Linear Transformers Are Secretly Fast Weight Programmers, arXiv:2102.11174; Yang et al. "
        "2024, Parallelizing Linear Transformers with the Delta Rule, arXiv:2406.06484; gated: arXiv:2412.06464; "
        "negative: Grazzi et al. 2024, arXiv:2411.12537"
    )
    facts = Facts(
        state="a matrix for each head: H^2 / heads numbers, and a window",
        eigenvalues="[0, 1]; [-1, 1] with negative",
        cannot="parity unless negative (Grazzi et al. 2024); the word problem of A5 (Siems et al. 2025)",
        cost="4 H^2 + 4 H^2 / heads",
        parallel="chunks",
    )
    search_space: ClassVar[SearchSpace] = {
        "gated": Choice(False, True),
        "negative": Choice(False, True),
        "heads": Int(1, 8),
        "conv": Int(1, 4),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        gated: bool = False,
        negative: bool = False,
        heads: int = 4,
        conv: int = 4,
    ) -> None:
        if heads < 1:
            raise ValueError(f"heads must be at least 1, got {heads}; 1 is one matrix for all")
        super().__init__(input_size, hidden_size)
        self.gated, self.negative, self.heads = gated, negative, heads
        self.width = -(-hidden_size // heads)
        inner = heads * self.width
        self.enter = nn.Linear(input_size, 3 * inner, bias=False)  # W_q, W_k, W_v
        self.conv = ShortConv(3 * inner, conv, bias=False)
        self.beta = nn.Linear(input_size, heads, bias=False)
        self.norm = nn.RMSNorm(self.width, eps=1e-5)
        self.leave = nn.Linear(inner, hidden_size, bias=False)  # W_O
        if gated:
            self.gate = nn.Linear(input_size, inner, bias=False)  # W_G
            self.forget = nn.Linear(input_size, heads)  # W_a, b
            self.log_rate = nn.Parameter(torch.empty(heads))  # the logarithm of A
            with torch.no_grad():
                self.forget.bias.copy_(step_biases(heads))
                self.log_rate.copy_(torch.empty(heads, device="cpu").uniform_(1, 16).log())

    def initial_state(self, x: Tensor) -> State:
        kind = torch.promote_types(x.dtype, torch.float32)
        return self.conv.initial_state(x), x.new_zeros(x.shape[0], self.heads, self.width, self.width, dtype=kind)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        past, s = state
        q, k, v, beta, log_a, past = self._project(x.unsqueeze(1), past)
        q, k, v, beta, a = (part.squeeze(2) for part in (q, k, v, beta, log_a.exp()))
        s = a.unsqueeze(3) * s
        s = s + outer(k, beta * (v - read(s, k)))
        o = read(s, q)
        return self._read_out(x.unsqueeze(1), o.unsqueeze(2)).squeeze(1), (past, s)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        past, s = self.initial_state(x) if state is None else state
        q, k, v, beta, log_a, past = self._project(x, past, lengths)
        beta, log_a = until_end(beta, lengths), until_end(log_a, lengths)
        o, s = recall_by_delta(q, k, v, beta, log_a, s)
        return self._read_out(x, o), (past, s)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The outputs, S^T, queries, keys, values; for each head the writing strength beta, and the decay if gated."""
        past, _ = self.initial_state(x) if state is None else state
        q, k, v, beta, log_a, _ = self._project(x, past)
        parts = {"query": q, "key": k, "value": v, "beta": beta}
        if self.gated:
            parts["decay"] = log_a.exp()
        stepped = super().observe(x, state, lengths)
        return {
            "hidden": stepped["hidden"],
            "memory": stepped["state 2"],
            **{name: join_heads(part) for name, part in parts.items()},
        }

    def parameter_groups(self) -> list[dict[str, Any]]:
        if not self.gated:
            return super().parameter_groups()
        rates = [self.log_rate, self.forget.bias]
        rest = [p for p in self.parameters() if all(p is not rate for rate in rates)]
        return [{"params": rest}, {"params": rates, "weight_decay": 0.0}]

    def _project(self, x: Tensor, past: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        """q, k, v, beta and the logarithm of a, each (batch, heads, time, width), and the past after the last step."""
        mixed, past = self.conv(product(x, self.enter.weight), past, lengths)
        q, k, v = (split_heads(part, self.heads) for part in F.silu(mixed).chunk(3, dim=2))
        beta = torch.sigmoid(split_heads(self.beta(x), self.heads))
        log_a = torch.zeros_like(beta)
        if self.gated:
            rate = self.log_rate.to(beta.dtype).exp().view(-1, 1, 1)
            log_a = -rate * F.softplus(split_heads(self.forget(x), self.heads))
        return F.normalize(q, dim=3), F.normalize(k, dim=3), v, 2 * beta if self.negative else beta, log_a, past

    def _read_out(self, x: Tensor, o: Tensor) -> Tensor:
        """The outputs for o of shape (batch, heads, time, width)."""
        normal = join_heads(F.rms_norm(o, (self.width,), self.norm.weight.to(o.dtype), self.norm.eps)).to(x.dtype)
        out: Tensor = self.leave(normal * F.silu(self.gate(x)) if self.gated else normal)
        return out
