"""The selective recurrence of Mamba: h_t = A_t h_{t-1} + Delta_t B_t u_t, y_t = C_t h_t, each state by itself.

On one thread of a CPU a compiled loop does it in single precision, where there is one: the states of all steps, which
are `states` times as many numbers as the outputs, are then never in memory at once.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._compiled import applies, call, layout
from ._scan import scan

_CHUNK = 16  # steps between the states that are kept for the way back


def discretise(delta: Tensor, a: Tensor, signed: bool) -> Tensor:
    """The factor of each state in a step, exp(delta a), or 2 exp(delta a) - 1 if `signed`.

    Of shape (..., units, states) for delta of shape (..., units) and `a` of shape (units, states).
    """
    decay = (delta.unsqueeze(-1) * a).exp()
    return 2 * decay - 1 if signed else decay


def selective_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, signed: bool
) -> tuple[Tensor, Tensor]:
    """y for all steps, (batch, time, units), and the states after the last, (batch, units, states), begun from h.

    u and delta have the shape (batch, time, units), b and c (batch, time, states), and `a`, negative, (units, states).
    """
    if applies(u, delta, a, b, c, h):
        turned = _Compiled.apply(u, delta, a.t(), b, c, h.transpose(1, 2), signed)  # type: ignore[no-untyped-call]
        return turned[0], turned[1].transpose(1, 2)
    factor = discretise(delta, a, signed)
    given = (delta * u).unsqueeze(3) * b.unsqueeze(2)
    states = scan(factor.flatten(2), given.flatten(2), h.flatten(1)).view_as(given)
    return torch.einsum("btds,bts->btd", states, c), states[:, -1]


class _Compiled(torch.autograd.Function):
    """The same with units last: `a` of shape (states, units), h of (batch, states, units)."""

    @staticmethod
    def forward(
        ctx: Any, u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, h: Tensor, signed: bool
    ) -> tuple[Tensor, Tensor]:
        u, delta, a, b, c = (part.contiguous() for part in (u, delta, a, b, c))
        y, end = torch.empty_like(u), h.clone(memory_format=torch.contiguous_format)
        kept = u.new_empty(len(u), -(-u.shape[1] // _CHUNK), *a.shape)
        sizes = {"steps": u.shape[1], "rows": len(u), "units": a.shape[1], "states": a.shape[0], "chunk": _CHUNK}
        ctx.sizes = {**sizes, "with_sign": int(signed)}
        call("selective_scan_forward", _Layout, **ctx.sizes, u=u, delta=delta, a=a, b=b, c=c, h=end, kept=kept, y=y)
        ctx.save_for_backward(u, delta, a, b, c, kept)
        return y, end

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upon: Tensor, upon_end: Tensor) -> tuple[Tensor | None, ...]:
        u, delta, a, b, c, kept = ctx.saved_tensors
        upon = upon.contiguous()
        found = {"upon_a": torch.zeros_like(a), "upon_h": upon_end.clone(memory_format=torch.contiguous_format)}
        for name, part in (("u", u), ("delta", delta), ("b", b), ("c", c)):
            found[f"upon_{name}"] = torch.empty_like(part)
        room = u.new_empty(2 * _CHUNK + 1, *a.shape)
        given = {"u": u, "delta": delta, "a": a, "b": b, "c": c, "kept": kept, "upon": upon, "room": room}
        call("selective_scan_backward", _Layout, **ctx.sizes, **given, **found)
        return *(found[f"upon_{name}"] for name in ("u", "delta", "a", "b", "c", "h")), None


class _Layout(ctypes.Structure):
    """`selective` of `_selective.c`."""

    _fields_ = layout(
        "steps rows units states chunk with_sign",
        "u delta a b c h kept y upon upon_u upon_delta upon_a upon_b upon_c upon_h room",
    )
