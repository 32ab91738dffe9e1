"""The linear recurrence h_t = a_t * h_{t-1} + b_t over all steps at once, for architectures that are parallel in time.

Where no coefficient depends on a state a sequence can be cut into chunks that are worked through side by side: what a
chunk makes of any state before it is a product and a sum, and only these few are chained (Blelloch 1990, Prefix Sums
and Their Applications). That saves steps and costs more than twice the arithmetic, so on a CPU it pays where a step is
small; elsewhere there is one chunk, which is a plain loop. Either way the backward pass is a recurrence of the same
kind, instead of a graph of thousands of operations. On one thread of a CPU a compiled loop does it all in single
precision, where there is one.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._compiled import applies, call, layout

_SMALL = 1024  # numbers in one step, up to which a call to torch costs a CPU more than the arithmetic


def scan(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """All h_t for a and b of shape (batch, time, width) and h_{-1} = start of shape (batch, width), real or complex.

    An `a` of shape (width,) is the same at each step. Nothing is divided by `a`, so coefficients of 0 and long products
    are as exact as in a loop. Computes in 32 bits at least, whatever it is given.
    """
    kind = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    a, b, start = a.to(kind), b.to(kind), start.to(kind)
    start = start.expand(b.shape[0], b.shape[2])
    h: Tensor
    if applies(a, b, start):
        h = _CompiledScan.apply(a if a.shape == b.shape[2:] else a.expand_as(b), b, start)  # type: ignore[no-untyped-call]
    else:
        h = _Scan.apply(a.expand_as(b), b, start)  # type: ignore[no-untyped-call]
    return h


def at_last_step(h: Tensor, lengths: Tensor | None) -> Tensor:
    """h of shape (batch, time, width) at each row's last valid step: (batch, width)."""
    if lengths is None:
        return h[:, -1]
    rows = torch.arange(len(h), device=h.device)
    return h[rows, lengths.to(h.device) - 1]


class _CompiledScan(torch.autograd.Function):
    """The same as `_Scan`, in one pass over the arrays each way."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> Tensor:
        a, b, start = (_read(part) for part in (a, b, start))
        h = torch.empty_like(b)
        _call("forward", a, b=b, start=start, h=h)
        ctx.save_for_backward(a, start, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, start, h = ctx.saved_tensors
        grad_a, grad_b = torch.empty_like(h if a.dim() == 3 else start), torch.empty_like(h)
        upon = _read(grad)
        _call("backward", a, start=start, h=h, upon=upon, upon_a=grad_a, upon_b=grad_b)
        first = a[:, 0] if a.dim() == 3 else a
        return grad_a if a.dim() == 3 else grad_a.sum(dim=0), grad_b, grad_b[:, 0] * first.conj()


def _read(tensor: Tensor) -> Tensor:
    """As it lies in memory for a loop."""
    return tensor.resolve_conj().resolve_neg().contiguous()


class _Layout(ctypes.Structure):
    """`scan` of `_kernels.c`."""

    _fields_ = layout("steps rows size each", "a b start h upon upon_a upon_b")


def _call(way: str, a: Tensor, h: Tensor, **arrays: Tensor) -> None:
    rows, steps, width = h.shape
    kind, floats = ("complex", 2) if h.is_complex() else ("real", 1)
    sizes = {"steps": steps, "rows": rows, "size": width * floats, "each": int(a.dim() == 3)}
    call(f"{kind}_scan_{way}", _Layout, **sizes, a=a, h=h, **arrays)


class _Scan(torch.autograd.Function):
    """The recurrence, and its gradient: what arrives at b_t is g_t + conj(a_{t+1}) times what arrives at b_{t+1}."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> Tensor:
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        _solve(a, b, start, h)
        ctx.save_for_backward(a, start, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, start, h = ctx.saved_tensors
        grad_a, grad_b = torch.empty_like(h), torch.empty_like(h)
        grad_b[:, -1] = grad[:, -1]
        _solve(a[:, 1:].conj(), grad[:, :-1], grad[:, -1], grad_b[:, :-1], back=True)
        torch.mul(grad_b[:, 0], start.conj(), out=grad_a[:, 0])
        torch.mul(grad_b[:, 1:], h[:, :-1].conj(), out=grad_a[:, 1:])
        return grad_a, grad_b, grad_b[:, 0] * a[:, 0].conj()


def _solve(a: Tensor, b: Tensor, start: Tensor, out: Tensor, back: bool = False) -> None:
    """The recurrence into `out`, from the first step to the last or, with `back`, the other way."""
    steps, chunk = b.shape[1], _chunk(b)
    state = _before_chunks(a, b, start, chunk, back)
    for step in range(min(chunk, steps)):
        of_each = slice((steps - 1 - step) % chunk, steps - step, chunk) if back else slice(step, None, chunk)
        after = out[:, of_each]  # of all chunks but the last one where that is shorter
        state = state[:, -after.shape[1] :] if back else state[:, : after.shape[1]]
        state = torch.addcmul(b[:, of_each], a[:, of_each], state, out=after)


def _before_chunks(a: Tensor, b: Tensor, start: Tensor, chunk: int, back: bool) -> Tensor:
    """The state that each chunk begins from, in the order of time: (batch, chunks, width)."""
    followed = max(0, b.shape[1] - 1) // chunk  # chunks that another one follows
    states = [start]
    if followed:
        size = followed * chunk
        whole = [part[:, -size:] if back else part[:, :size] for part in (a, b)]
        of_all = [torch.unflatten(part, 1, (followed, chunk)).unbind(2) for part in whole]
        (product, *a_steps), (end, *b_steps) = (steps[::-1] if back else steps for steps in of_all)
        for a_t, b_t in zip(a_steps, b_steps, strict=True):
            product, end = product * a_t, torch.addcmul(b_t, a_t, end)
        chunks = list(zip(product.unbind(1), end.unbind(1), strict=True))
        for p, e in chunks[::-1] if back else chunks:
            states.append(torch.addcmul(e, p, states[-1]))
    return torch.stack(states[::-1] if back else states, dim=1)


def _chunk(b: Tensor) -> int:
    """Steps in a chunk: about as many as there are chunks, or all."""
    rows, steps, width = b.shape
    return max(1, steps if b.device.type == "cpu" and rows * width > _SMALL else round(steps**0.5))
