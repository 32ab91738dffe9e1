"""The recurrences step by step from their equations: slow, clear, what the fused kernels are compared with.

Notation: W, U are the input and recurrent matrices, b and c torch's two bias vectors; `*` is elementwise.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

State = Tensor | tuple[Tensor, ...]


def rnn(kernel: nn.RNN, x: Tensor, state: Tensor, lengths: Tensor | None) -> tuple[Tensor, State]:
    """h' = f(W x + b + U h + c)."""
    w, u, b, c = kernel.weight_ih_l0, kernel.weight_hh_l0, kernel.bias_ih_l0, kernel.bias_hh_l0
    activation = {"tanh": torch.tanh, "relu": torch.relu}[kernel.nonlinearity]

    def step(x_t: Tensor, state: State) -> State:
        (h,) = state
        return (activation(x_t @ w.T + b + h @ u.T + c),)

    out, (h,) = unroll(step, x, (state,), lengths)
    return out, h


def gru(kernel: nn.GRU, x: Tensor, state: Tensor, lengths: Tensor | None) -> tuple[Tensor, State]:
    """h' = (1 - z) * n + z * h, with reset r and update z, and n = tanh(W x + b + r * (U h + c))."""
    w_r, w_z, w_n = kernel.weight_ih_l0.chunk(3)
    u_r, u_z, u_n = kernel.weight_hh_l0.chunk(3)
    b_r, b_z, b_n = kernel.bias_ih_l0.chunk(3)
    c_r, c_z, c_n = kernel.bias_hh_l0.chunk(3)

    def step(x_t: Tensor, state: State) -> State:
        (h,) = state
        r = torch.sigmoid(x_t @ w_r.T + b_r + h @ u_r.T + c_r)
        z = torch.sigmoid(x_t @ w_z.T + b_z + h @ u_z.T + c_z)
        n = torch.tanh(x_t @ w_n.T + b_n + r * (h @ u_n.T + c_n))
        return ((1 - z) * n + z * h,)

    out, (h,) = unroll(step, x, (state,), lengths)
    return out, h


def lstm(kernel: nn.LSTM, x: Tensor, state: tuple[Tensor, Tensor], lengths: Tensor | None) -> tuple[Tensor, State]:
    """c' = f * c + i * g and h' = o * tanh(c'), with gates i, f, o and the candidate g."""
    w_i, w_f, w_g, w_o = kernel.weight_ih_l0.chunk(4)
    u_i, u_f, u_g, u_o = kernel.weight_hh_l0.chunk(4)
    b_i, b_f, b_g, b_o = (kernel.bias_ih_l0 + kernel.bias_hh_l0).chunk(4)

    def step(x_t: Tensor, state: State) -> State:
        h, c = state
        i = torch.sigmoid(x_t @ w_i.T + h @ u_i.T + b_i)
        f = torch.sigmoid(x_t @ w_f.T + h @ u_f.T + b_f)
        g = torch.tanh(x_t @ w_g.T + h @ u_g.T + b_g)
        o = torch.sigmoid(x_t @ w_o.T + h @ u_o.T + b_o)
        c = f * c + i * g
        return o * torch.tanh(c), c

    return unroll(step, x, state, lengths)


def unroll(
    step: Callable[[Tensor, State], State], x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """Each row alone, over its own steps only; outputs are zero after them. The state's first part is the output."""
    rows, final = [], []
    for i, row in enumerate(x):
        own = tuple(part[i] for part in state)
        outputs = [torch.zeros_like(own[0])] * len(row)
        for t in range(len(row) if lengths is None else int(lengths[i])):
            own = step(row[t], own)
            outputs[t] = own[0]
        rows.append(torch.stack(outputs))
        final.append(own)
    return torch.stack(rows), tuple(torch.stack(parts) for parts in zip(*final, strict=True))
