"""Matrices that remember, in chunks of time: what linear attention, RetNet, GLA, mLSTM, DeltaNet and RWKV-7 share.

A head's memory S has the shape (key, value). One step is S_t = Diag(a_t) S_{t-1} + k_t v_t^T (`recall`), or the same
with the delta rule (`recall_by_delta`) or its general form (`recall_by_transition`), and o_t = S_t^T q_t reads it.
Inside a chunk every step is a product of matrices, as in attention; only the memories at the chunks' ends are chained.
Decays are given as logarithms and used as sums over a chunk: nothing overflows, and nothing is divided by.

Tensors have the shape (batch, heads, time, width). Computes in 32 bits at least: autocast to 16 bits is off in here,
since a memory sums up what many steps write, and torch solves triangular systems in 32 and 64 bits only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ._scan import scan

_CHUNK = 16  # steps; of 8, 16, 32 and 64 the fastest on a CPU for heads that are 16 to 64 wide
STRONGEST = -80.0 / _CHUNK
"""The least logarithm of a decay where each key decays by itself: 32 bits hold exp(80), what a chunk makes of it."""


P = ParamSpec("P")
R = TypeVar("R")


def _without_autocast(compute: Callable[P, R]) -> Callable[P, R]:
    """The function of tensors, with products in their own dtype where autocast is on."""

    @wraps(compute)
    def exact(*args: P.args, **kwargs: P.kwargs) -> R:
        kind = args[0].device.type  # type: ignore[attr-defined]
        if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
            return compute(*args, **kwargs)
        with torch.autocast(kind, enabled=False):
            return compute(*args, **kwargs)

    return exact


class Read(NamedTuple):
    """What was read at every step, (batch, heads, time, value), and the memory after the last."""

    o: Tensor
    memory: Tensor


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, time, heads x width) to (batch, heads, time, width), in 32 bits at least."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return torch.unflatten(wide, 2, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(batch, heads, time, width) to (batch, time, heads x width)."""
    return x.transpose(1, 2).flatten(2)


def until_end(x: Tensor, lengths: Tensor | None, after: float = 0.0) -> Tensor:
    """x of shape (batch, heads, time, width) with another value after each row's last valid step."""
    if lengths is None:
        return x
    ended = torch.arange(x.shape[2], device=x.device) >= lengths.to(x.device).unsqueeze(1)
    return x.masked_fill(ended[:, None, :, None], after)


def cut(x: Tensor, size: int = _CHUNK) -> Tensor:
    """(batch, heads, chunks, size, width). Steps added at the end hold zeros: they keep the memory as it is."""
    return torch.unflatten(F.pad(x, (0, 0, 0, -x.shape[2] % size)), 2, (-1, size))


def outer(k: Tensor, v: Tensor) -> Tensor:
    """k v^T of every head: (batch, heads, key) and (batch, heads, value) to (batch, heads, key, value)."""
    return k.unsqueeze(3) * v.unsqueeze(2)


@_without_autocast
def read(s: Tensor, q: Tensor) -> Tensor:
    """S^T q of every head: (batch, heads, value)."""
    return torch.einsum("bhkv,bhk->bhv", s, q)


@_without_autocast
def recall(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, memory: Tensor) -> Read:
    """S_t = Diag(a_t) S_{t-1} + k_t v_t^T from S_{-1} = memory, (batch, heads, key, value), read as o_t = S_t^T q_t.

    `log_a`, at most 0, has the width 1 where a head decays as a whole, else that of the keys and at least `STRONGEST`.
    """
    steps = q.shape[2]
    q, k, v, log_a = (cut(part) for part in (q, k, v, log_a))
    since = log_a.cumsum(dim=3)  # decay of what was there before the chunk
    until = since[:, :, :, -1:] - since  # of what was written at a step, until the chunk's end
    q_in = q * since.exp()
    after = _chain(since[:, :, :, -1].exp().unsqueeze(4), (k * until.exp()).transpose(3, 4) @ v, memory)
    before = torch.cat([memory.unsqueeze(2), after[:, :, :-1]], dim=2)
    if log_a.shape[4] == 1:
        match = (q @ k.transpose(3, 4)) * _decay_between(since)
    else:
        match = (q_in @ (k * (-since).exp()).transpose(3, 4)).tril()
    o = q_in @ before + match @ v
    return Read(o.flatten(2, 3)[:, :, :steps], after[:, :, -1])


@_without_autocast
def recall_by_delta(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_a: Tensor, memory: Tensor) -> Read:
    """S_t = a_t (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T, read as o_t = S_t^T q_t.

    `beta` and `log_a` have the width 1. The step writes k_t u_t^T with u_t = beta_t (v_t - a_t S_{t-1}^T k_t). Inside a
    chunk the u depend linearly on each other and on the memory before it: one triangular system, U = V' - W S, the UT
    transform of Yang et al. 2024 (arXiv:2406.06484), with decay as in Gated DeltaNet (arXiv:2412.06464).
    """
    steps, value = q.shape[2], v.shape[3]
    q, k, v, beta, log_a = (cut(part) for part in (q, k, v, beta, log_a))
    since = log_a.cumsum(dim=3)
    decay = _decay_between(since)
    system = beta * (k @ k.transpose(3, 4)) * decay  # its diagonal is taken as 1
    given = beta * torch.cat([v, k * since.exp()], dim=4)
    solved = torch.linalg.solve_triangular(system, given, upper=False, unitriangular=True)
    v_new, w = torch.split(solved, [value, k.shape[4]], dim=4)
    keep = since[:, :, :, -1:].exp()
    k_out = (k * (since[:, :, :, -1:] - since).exp()).transpose(3, 4)
    before, u = [], []
    for v_c, w_c, k_c, keep_c in zip(v_new.unbind(2), w.unbind(2), k_out.unbind(2), keep.unbind(2), strict=True):
        before.append(memory)
        u.append(v_c - w_c @ memory)
        memory = keep_c * memory + k_c @ u[-1]
    match = (q @ k.transpose(3, 4)) * decay
    o = (q * since.exp()) @ torch.stack(before, dim=2) + match @ torch.stack(u, dim=2)
    return Read(o.flatten(2, 3)[:, :, :steps], memory)


@_without_autocast
def recall_by_transition(q: Tensor, k: Tensor, v: Tensor, x: Tensor, y: Tensor, log_a: Tensor, memory: Tensor) -> Read:
    """S_t = Diag(a_t) S_{t-1} + x_t y_t^T S_{t-1} + k_t v_t^T, read as o_t = S_t^T q_t.

    Each key decays by itself; `log_a` is at least `STRONGEST`. What y_t reads, u_t = S_{t-1}^T y_t, depends linearly on
    the u before it in the chunk and on the memory before the chunk: one triangular system, as for the delta rule.
    """
    steps, value = q.shape[2], v.shape[3]
    q, k, v, x, y, log_a = (cut(part) for part in (q, k, v, x, y, log_a))
    since = log_a.cumsum(dim=3)
    until = (since[:, :, :, -1:] - since).exp()
    grown = torch.cat([x, k], dim=3) * (-since).exp().repeat(1, 1, 1, 2, 1)
    y_in, q_in = y * (since - log_a).exp(), q * since.exp()
    x_seen, k_seen = (part.tril(-1) for part in (y_in @ grown.transpose(3, 4)).chunk(2, dim=4))
    given = torch.cat([k_seen @ v, y_in], dim=4)
    solved = torch.linalg.solve_triangular(-x_seen, given, upper=False, unitriangular=True)
    u_new, w = torch.split(solved, [value, y.shape[4]], dim=4)
    keep = since[:, :, :, -1].exp().unsqueeze(4)
    written, x_out = (k * until).transpose(3, 4) @ v, (x * until).transpose(3, 4)
    before, u = [], []
    for parts in zip(*(part.unbind(2) for part in (u_new, w, x_out, written, keep)), strict=True):
        u_c, w_c, x_c, written_c, keep_c = parts
        before.append(memory)
        u.append(u_c + w_c @ memory)
        memory = keep_c * memory + x_c @ u[-1] + written_c
    x_match, k_match = (part.tril() for part in (q_in @ grown.transpose(3, 4)).chunk(2, dim=4))
    o = q_in @ torch.stack(before, dim=2) + x_match @ torch.stack(u, dim=2) + k_match @ v
    return Read(o.flatten(2, 3)[:, :, :steps], memory)


def _decay_between(since: Tensor) -> Tensor:
    """What is left at step i of what was written at step j <= i of a chunk, else 0: (..., size, size)."""
    later = torch.ones(since.shape[3], since.shape[3], dtype=torch.bool, device=since.device).triu(1)
    return (since - since.transpose(3, 4)).masked_fill(later, -torch.inf).exp()


def _chain(decay: Tensor, written: Tensor, memory: Tensor) -> Tensor:
    """The memory after each chunk, (batch, heads, chunks, key, value): a diagonal recurrence over the chunks."""
    a, b = (part.flatten(3).flatten(0, 1) for part in (decay.expand_as(written), written))
    return scan(a, b, memory.flatten(2).flatten(0, 1)).reshape(written.shape)
