"""RNN and GRU over time on a CPU, with the gradient written out: torch computes both in many small operations there.

The same functions as nn.RNN and nn.GRU but for rounding, without second derivatives. All that does not wait for the
step before is one operation for all steps: the products with the inputs, the derivatives of gates, the gradient of the
recurrent matrix. A step is left with 2 operations forward and 2 backward in an RNN (of some 20), 6 and 3 in a GRU (of
some 90).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def applies(kernel: nn.RNNBase, x: Tensor) -> bool:
    """Whether `recur` computes what the kernel does, and faster; GPUs have kernels of their own."""
    plain = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()
    return plain and isinstance(kernel, (nn.RNN, nn.GRU))


def recur(kernel: nn.RNNBase, x: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor]:
    """x (batch, time, input_size) and a state (1, batch, hidden_size), or None, to all states and the last one."""
    w_in, w, b_in, b = (getattr(kernel, name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"))
    h = x.new_zeros(x.shape[0], kernel.hidden_size) if start is None else start[0]
    seen = F.linear(x.transpose(0, 1), w_in, b_in)
    if isinstance(kernel, nn.GRU):
        states: Tensor = _GRU.apply(seen, h, w, b)  # type: ignore[no-untyped-call]
    else:
        states = _RNN.apply(seen + b, h, w, kernel.nonlinearity)  # type: ignore[no-untyped-call]
    return states.transpose(0, 1), states[-1:].clone()


class _RNN(torch.autograd.Function):
    """h_t = f(seen_t + W h_{t-1}); time first."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, start: Tensor, w: Tensor, nonlinearity: str) -> Tensor:
        states, h = _states(start, len(seen))
        f = torch.tanh_ if nonlinearity == "tanh" else torch.relu_
        transposed = w.t()
        for t, seen_t in enumerate(seen.unbind()):
            f(torch.addmm(seen_t, h[t], transposed, out=h[t + 1]))
        ctx.save_for_backward(states, w)
        ctx.nonlinearity = nonlinearity
        return states[1:].clone()  # who changes it in place does not change what backward needs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[override]
        states, w = ctx.saved_tensors
        slope = _one_less_square(states[1:]) if ctx.nonlinearity == "tanh" else (states[1:] > 0).to(states.dtype)
        before = torch.empty_like(slope)  # the gradient before the nonlinearity
        d, g, s = before.unbind(), grad.unbind(), slope.unbind()
        upon = g[-1].clone()  # the gradient upon h_t
        for t in reversed(range(len(d))):
            torch.mul(upon, s[t], out=d[t])
            upon = torch.addmm(g[t - 1], d[t], w, out=upon) if t else torch.mm(d[t], w)
        return before, upon, _outer(before, states[:-1]), None


class _GRU(torch.autograd.Function):
    """r, z = sigmoid(seen + W h + b); n = tanh(seen_n + r (W_n h + b_n)); h_t = (1 - z) n + z h; time first."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, start: Tensor, w: Tensor, b: Tensor) -> Tensor:
        size = w.shape[1]
        states, h = _states(start, len(seen))
        gates, fresh = seen[..., : 2 * size] + b[: 2 * size], torch.empty_like(states[1:])
        carried = torch.empty_like(fresh)  # W_n h + b_n
        w_gates, w_fresh, b_fresh = w[: 2 * size].t(), w[2 * size :].t(), b[2 * size :]
        rz, n, m = gates.unbind(), fresh.unbind(), carried.unbind()
        r, z, seen_n = (part.unbind() for part in (gates[..., :size], gates[..., size:], seen[..., 2 * size :]))
        for t in range(len(rz)):
            torch.addmm(rz[t], h[t], w_gates, out=rz[t]).sigmoid_()
            torch.addmm(b_fresh, h[t], w_fresh, out=m[t])
            torch.addcmul(seen_n[t], r[t], m[t], out=n[t]).tanh_()
            torch.lerp(n[t], h[t], z[t], out=h[t + 1])
        ctx.save_for_backward(states, gates, fresh, carried, w)
        return states[1:].clone()  # who changes it in place does not change what backward needs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # type: ignore[override]
        states, gates, n, carried, w = ctx.saved_tensors
        r, z = gates.chunk(2, dim=-1)
        to_n = (1 - z).mul_(_one_less_square(n))  # from the gradient upon h_t to that before tanh
        factors = n.new_empty(*n.shape[:2], 3, n.shape[2])  # to those of the products, as the rows of W
        torch.mul(to_n, r, out=factors[:, :, 2])
        torch.mul(factors[:, :, 2], carried * (1 - r), out=factors[:, :, 0])
        torch.mul(states[:-1] - n, z - z * z, out=factors[:, :, 1])
        products, upon = torch.empty_like(factors), torch.empty_like(n)
        p, u, k, g, keep = (part.unbind() for part in (products, upon, factors, grad, z))
        flat = products.flatten(2)
        rows = flat.unbind()
        u[-1].copy_(g[-1])
        for t in reversed(range(len(u))):
            torch.mul(u[t].unsqueeze(1), k[t], out=p[t])
            if t:
                torch.addcmul(g[t - 1], u[t], keep[t], out=u[t - 1])
                torch.addmm(u[t - 1], rows[t], w, out=u[t - 1])
        start = torch.addmm(u[0] * keep[0], rows[0], w)
        of_w, of_b = _outer(flat, states[:-1]), flat.sum(dim=(0, 1))
        torch.mul(upon, to_n, out=products[:, :, 2])  # r lies between the product and what was seen
        return flat, start, of_w, of_b


def _states(start: Tensor, steps: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Room for the state before each step and after the last, of which the first is there; and each of them."""
    states = start.new_empty(steps + 1, *start.shape)
    states[0] = start
    return states, states.unbind()


def _one_less_square(x: Tensor) -> Tensor:
    return torch.addcmul(x.new_ones(()), x, x, value=-1)


def _outer(gradients: Tensor, states: Tensor) -> Tensor:
    """The gradient of a recurrent matrix, over all steps at once."""
    return gradients.flatten(0, 1).t() @ states.flatten(0, 1)
