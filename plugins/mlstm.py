"""mLSTM: a matrix as cell, C_t = f_t C_{t-1} + i_t v_t k_t^T, and exponential gates (Beck et al. 2024)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Float, Int, SearchSpace

from ._inputs import product
from ._memory import cut, join_heads, outer, read, recall, split_heads, until_end


class MLSTM(CellArchitecture):
    """Equations 19 to 27 of the paper, for each head: with q_t, v_t = W x_t + b and k_t = (W x_t + b) / sqrt(width),

        C_t = f_t C_{t-1} + i_t v_t k_t^T,    n_t = f_t n_{t-1} + i_t k_t,    h~_t = C_t q_t / max(|n_t^T q_t|, 1),

    where i_t = exp(i~_t), f_t = sigmoid(f~_t), and both gates see the inputs alone. As in the layer of xLSTM 7B, the
    outputs are W_out (o_t * norm(h~_t)) with o_t = sigmoid(W_o x_t + b_o) and a layer norm in each head. C and n are
    kept divided by exp(m_t), with the stabiliser m_t = max(log f_t + m_{t-1}, i~_t), which changes no output. At the
    start the gates do not see the inputs: f~ is spread over the heads from `forget_bias` - 1.5 to `forget_bias` + 1.5.

    The state is (C^T, n, m), of shapes (batch, heads, width, width), (batch, heads, width) and (batch, heads). `step`
    is the equation; `forward` computes the same in chunks of time.
    """

    reference = (
        "Beck et al. 2024, xLSTM: Extended Long Short-Term Memory, arXiv:2405.04517; "
        "the layer: Beck et al. 2025, xLSTM 7B, arXiv:2503.13427"
    )
    facts = Facts(
        state="a matrix and a vector for each head: H^2 / heads + H numbers",
        eigenvalues="[0, 1], one for each head, by the input",
        cannot="parity (Grazzi et al. 2024)",
        cost="5 H^2 + 2 H^2 / heads",
        parallel="chunks",
    )
    search_space: ClassVar[SearchSpace] = {"heads": Int(1, 8), "forget_bias": Float(0.0, 6.0)}

    def __init__(self, input_size: int, hidden_size: int, *, heads: int = 4, forget_bias: float = 4.5) -> None:
        if heads < 1:
            raise ValueError(f"heads must be at least 1, got {heads}; 1 is one matrix for all")
        super().__init__(input_size, hidden_size)
        self.heads = heads
        self.width = -(-hidden_size // heads)
        inner = heads * self.width
        self.enter = nn.Linear(input_size, 4 * inner)  # q, k, v, o
        self.gates = nn.Linear(input_size, 2 * heads)  # i~, f~
        self.norm = nn.Parameter(torch.ones(inner))
        self.leave = nn.Linear(inner, hidden_size, bias=False)  # W_out
        with torch.no_grad():
            self.gates.weight.zero_()
            spread = torch.linspace(-1.5, 1.5, heads, device="cpu") if heads > 1 else torch.zeros(1, device="cpu")
            self.gates.bias.copy_(torch.cat([0.1 * torch.randn(heads, device="cpu"), forget_bias + spread]))

    def initial_state(self, x: Tensor) -> State:
        kind = torch.promote_types(x.dtype, torch.float32)
        c = x.new_zeros(x.shape[0], self.heads, self.width, self.width, dtype=kind)
        return c, c[..., 0], c[..., 0, 0]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        c, n, m = state
        q, k, v, log_i, log_f = (part.squeeze(2) for part in self._project(x.unsqueeze(1)))
        log_i, log_f = log_i.squeeze(2), log_f.squeeze(2)
        new_m = torch.maximum(log_f + m, log_i)
        f, i = (log_f + m - new_m).exp().unsqueeze(2), (log_i - new_m).exp().unsqueeze(2)
        c = f.unsqueeze(3) * c + outer(i * k, v)
        n = f * n + i * k
        h = read(c, q) / torch.maximum((n * q).sum(dim=2).abs(), (-new_m).exp()).unsqueeze(2)
        return self._read_out(x.unsqueeze(1), h.unsqueeze(2)).squeeze(1), (c, n, new_m)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        q, k, v, log_i, log_f = self._project(x)
        log_i, log_f = until_end(log_i, lengths, -torch.inf), until_end(log_f, lengths)
        c, n, m = self.initial_state(x) if state is None else state
        before_m, m_t = _stabiliser(log_i.detach(), log_f.detach(), m.detach())  # outputs do not depend on it
        v = torch.cat([v, torch.ones_like(v[..., :1])], dim=3)  # n is remembered as one more value, which is always 1
        memory = torch.cat([c, n.unsqueeze(3)], dim=3)
        h, memory = recall(q, k * (log_i - m_t).exp(), v, log_f + before_m - m_t, memory)
        h = h[..., :-1] / torch.maximum(h[..., -1:].abs(), (-m_t).exp())
        return self._read_out(x, h), (memory[..., :-1], memory[..., -1], m_t[:, :, -1, 0])

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The outputs, C^T, queries, keys and values, the output gate, and for each head log i and f."""
        q, k, v, log_i, log_f = self._project(x)
        parts = {"query": q, "key": k, "value": v, "log input gate": log_i, "forget gate": log_f.exp()}
        seen = {name: join_heads(part) for name, part in parts.items()}
        stepped = super().observe(x, state, lengths)
        return {"hidden": stepped["hidden"], "cell": stepped["state 1"], **seen, "output gate": self._output_gate(x)}

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        """q, k and v, (batch, heads, time, width), and log i = i~ and log f, (batch, heads, time, 1)."""
        inner = self.heads * self.width
        wide = product(x, self.enter.weight[: 3 * inner], self.enter.bias[: 3 * inner])
        q, k, v = (split_heads(part, self.heads) for part in wide.chunk(3, dim=2))
        log_i, f = (split_heads(part, self.heads) for part in self.gates(x).chunk(2, dim=2))
        return q, k / self.width**0.5, v, log_i, F.logsigmoid(f)

    def _output_gate(self, x: Tensor) -> Tensor:
        inner = self.heads * self.width
        return torch.sigmoid(product(x, self.enter.weight[3 * inner :], self.enter.bias[3 * inner :]))

    def _read_out(self, x: Tensor, h: Tensor) -> Tensor:
        """The outputs for h~ of shape (batch, heads, time, width)."""
        normal = join_heads(F.layer_norm(h, (self.width,))).to(x.dtype) * self.norm
        out: Tensor = self.leave(self._output_gate(x) * normal)
        return out


def _stabiliser(log_i: Tensor, log_f: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """m_{t-1} and m_t of m_t = max(log f_t + m_{t-1}, log i_t) for all t, each (batch, heads, time, 1), from m.

    Within a chunk that is F_t + max(m, max_{s <= t} (log i_s - F_s)), where F sums log f.
    """
    total = cut(log_f).cumsum(dim=3)
    largest = (cut(log_i) - total).cummax(dim=3).values
    seen = [m.unsqueeze(2).unsqueeze(3)]
    for total_c, largest_c in zip(total.unbind(2), largest.unbind(2), strict=True):
        seen.append(total_c + torch.maximum(largest_c, seen[-1][:, :, -1:]))
    all_m = torch.cat(seen, dim=2)
    return all_m[:, :, : log_i.shape[2]], all_m[:, :, 1 : log_i.shape[2] + 1]
