"""RNN, LSTM and GRU on one CPU thread, by the time loops of `_kernels.c`.

The same functions as nn.RNN, nn.LSTM and nn.GRU but for rounding, without second derivatives.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from harness.architecture import State

from ._compiled import applies, call, layout

PANEL = 16  # columns that the loops take together: sizes are multiples of it
_TOGETHER = 64  # rows, of one step or of several, whose gradients upon the parameters are added up together


def fits(kernel: nn.RNNBase, x: Tensor, state: State) -> bool:
    """Whether `recur` computes what this kernel would; what it would refuse is for the kernel to refuse."""
    one_layer = kernel.num_layers == 1 and not kernel.bidirectional and kernel.batch_first and kernel.proj_size == 0
    plain = type(kernel) in (nn.RNN, nn.LSTM, nn.GRU) and kernel.bias and one_layer
    if not plain or kernel._forward_hooks or kernel._forward_pre_hooks or kernel._backward_hooks:
        return False
    parts = _parts(state)
    pair = isinstance(kernel, nn.LSTM)
    if parts and (isinstance(state, tuple) != pair or len(parts) != 1 + pair):
        return False
    shapes = [x.shape[2:] == (kernel.input_size,), *(part.shape == (len(x), kernel.hidden_size) for part in parts)]
    return all(shapes) and applies(x, *parts, *kernel.parameters())


def recur(kernel: nn.RNNBase, x: Tensor, state: State) -> tuple[Tensor, ...]:
    """h, or h and c, after each step (batch, time, hidden_size), of x (batch, time, input_size) and h, or (h, c)."""
    size, extra = kernel.hidden_size, -kernel.hidden_size % PANEL
    cell = {nn.LSTM: "lstm", nn.GRU: "gru"}.get(type(kernel)) or kernel.nonlinearity
    given = _parts(state) or (x.new_zeros(len(x), size),) * (2 if cell == "lstm" else 1)
    start = [F.pad(part, (0, extra)) for part in given]
    out, *cells = _CompiledRecurrence.apply(cell, x, _matrix(kernel, extra), *start)  # type: ignore[no-untyped-call]
    return tuple(part[..., :size] for part in (out, *(part.transpose(0, 1) for part in cells)))


def _parts(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else () if state is None else (state,)


def _matrix(kernel: nn.RNNBase, extra: int) -> Tensor:
    """All parameters (gates * size, size + 1 + input_size): columns for the state, a one, and the inputs.

    Each gate has `extra` units that stay zero. A GRU has four gates here: m, r, z and n of `_kernels.c`.
    """
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    w_in, w, b_in, b = (getattr(kernel, name).unflatten(0, (-1, kernel.hidden_size)) for name in names)
    if isinstance(kernel, nn.GRU):  # torch's order is r, z, n: m sees no input, n no state
        w_in, w = F.pad(w_in, (0, 0, 0, 0, 1, 0)), F.pad(w.roll(1, 0), (0, 0, 0, 0, 0, 1))
        b_in, b = F.pad(b_in, (0, 0, 1, 0)), F.pad(b.roll(1, 0), (0, 0, 0, 1))
    columns = [F.pad(w, (0, extra)), (b_in + b).unsqueeze(2), w_in]
    return F.pad(torch.cat(columns, dim=2), (0, 0, 0, extra)).flatten(0, 1)


class _CompiledRecurrence(torch.autograd.Function):
    """From inputs (batch, time, input_size), parameters and the state carried in to all states (batch, time, size).

    An LSTM's cells come time first, as backward needs them: not to be changed in place, which autograd would refuse.
    """

    @staticmethod
    def forward(ctx: Any, cell: str, x: Tensor, w: Tensor, *start: Tensor) -> tuple[Tensor, ...]:
        steps, (rows, size), depth = x.shape[1], start[0].shape, w.shape[1]
        w = F.pad(w, (0, -depth % PANEL))
        seen = x.new_empty(steps + 1, rows, w.shape[1])
        seen[0, :, :size], seen[:, :, size], seen[:, :, depth:] = start[0], 1.0, 0.0
        seen[:-1, :, size + 1 : depth] = x.transpose(0, 1)
        cells = x.new_empty(steps + 1, rows, size) if start[1:] else None
        if cells is not None:
            cells[0] = start[1]
        out, room = x.new_empty(rows, steps, size), steps if any(ctx.needs_input_grad) else 1
        gates = x.new_empty(room, rows, len(w)) if len(w) > size else None
        ctx.sizes = {"steps": steps, "rows": rows, "size": size, "depth": depth, "width": w.shape[1]}
        arrays = {"w": panels(w.t()), "seen": seen, "cells": cells, "gates": gates, "out": out}
        call(f"{cell}_forward", _Loop, **ctx.sizes, room=room, **arrays)
        ctx.save_for_backward(w, seen, cells, gates)
        ctx.cell = cell
        ctx.set_materialize_grads(False)  # mostly nobody asks for the gradient upon cells
        return (out,) if cells is None else (out, cells[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upon: Tensor | None, upon_cells: Tensor | None = None) -> tuple[Tensor | None, ...]:
        w, seen, cells, gates = ctx.saved_tensors
        steps, rows, size, depth, _ = ctx.sizes.values()
        together = -(-_TOGETHER // rows)
        before = w.new_empty(steps if ctx.needs_input_grad[1] else together, rows, len(w))
        carried, upon_w = [w.new_empty(rows, size) for _ in ctx.needs_input_grad[3:]], torch.zeros_like(w)
        call(
            f"{ctx.cell}_backward",
            _Loop,
            **ctx.sizes,
            room=len(before),
            together=together,
            w=panels(w[: 3 * size if ctx.cell == "gru" else None, :size]),
            seen=seen,
            cells=cells,
            gates=gates,
            upon=w.new_zeros(rows, steps, size) if upon is None else upon.contiguous(),
            upon_cells=None if upon_cells is None else upon_cells.contiguous(),
            before=before,
            carried=carried[0],
            carried_cells=carried[-1],
            upon_w=upon_w,
        )
        upon_x = (before @ w[:, size + 1 : depth]).transpose(0, 1) if ctx.needs_input_grad[1] else None
        return None, upon_x, upon_w[:, :depth], *carried


class _Loop(ctypes.Structure):
    """`loop` of `_kernels.c`."""

    _fields_ = layout(
        "steps rows size depth width room together",
        "w seen cells gates out upon upon_cells before carried carried_cells upon_w",
    )


def panels(matrix: Tensor) -> Tensor:
    """(depth, columns) as the loops read it: (columns / 16, depth, 16)."""
    return matrix.reshape(len(matrix), -1, PANEL).transpose(0, 1).contiguous()
