"""Recurrences that are written as one step: unrolled by torch, or on one CPU thread by the time loops of `_cells.c`.

An architecture gives what its inputs contribute to each step, its recurrent parameters and its step. The compiled loop
of the same name computes the same but for rounding, without second derivatives.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from harness.architecture import Architecture, State, keep_rows

from ._compiled import applies, call, layout
from ._recurrence import PANEL, panels
from ._scan import at_last_step

Named = dict[str, Tensor]


class Stepwise(Architecture):
    """One step of a recurrence, from the state (parts, each (batch, hidden_size)) to the next; unrolled here.

    A state of one part is a tensor, of several a tuple; its first part is what is given out.
    """

    loop: ClassVar[str]  # the name of the compiled loop
    parts: ClassVar[int]  # of the state

    def step(self, a: Tensor, state: State, *weights: Tensor) -> tuple[Named, State]:
        """From what the inputs give at one step, vectors of hidden_size side by side, and the state before it.

        Returns the quantities of the equations by name, with the output as "hidden", and the state after the step.
        """
        raise NotImplementedError

    def contributions(self, x: Tensor) -> Tensor:
        """What the inputs give at each step, (batch, time, vectors of hidden_size side by side)."""
        raise NotImplementedError

    def recurrent(self) -> tuple[Tensor, ...]:
        """The recurrent parameters that `step` takes: matrices, or a vector."""
        raise NotImplementedError

    def constants(self) -> tuple[float, ...]:
        """The numbers in the equations, as the compiled loop takes them."""
        raise NotImplementedError

    def initial_state(self, x: Tensor) -> State:
        parts = tuple(x.new_zeros(x.shape[0], self.hidden_size) for _ in range(self.parts))
        return parts if len(parts) > 1 else parts[0]

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x) if state is None else state
        a, weights = self.contributions(x), self.recurrent()
        given = state if isinstance(state, tuple) else (state,)
        if not applies(a, *given, *weights):
            seen, after = self._unroll(a, state, lengths)
            return seen["hidden"], after
        states = run_loop(self.loop, self.constants(), a, weights, given)
        last = tuple(at_last_step(part, lengths) for part in states)
        return states[0], last if len(last) > 1 else last[0]

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> Named:
        """The quantities of the equations after each step, each (batch, time, hidden_size)."""
        state = self.initial_state(x) if state is None else state
        return self._unroll(self.contributions(x), state, lengths)[0]

    def _unroll(self, a: Tensor, state: State, lengths: Tensor | None) -> tuple[Named, State]:
        weights = self.recurrent()
        return unroll(lambda a_t, state: self.step(a_t, state, *weights), a, state, lengths)


def unroll(
    step: Callable[[Tensor, State], tuple[Named, State]], x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Named, State]:
    """What `step` names at each step of x (batch, time, ...), stacked over time, and the state after the last."""
    lengths = lengths if lengths is None else lengths.to(x.device)
    seen = []
    for t, x_t in enumerate(x.unbind(dim=1)):
        named, new = step(x_t, state)
        state = new if lengths is None else keep_rows(lengths > t, new, state)
        seen.append(named)
    return {name: torch.stack([named[name] for named in seen], dim=1) for name in seen[0]}, state


def run_loop(
    loop: str, constants: tuple[float, ...], a: Tensor, weights: tuple[Tensor, ...], start: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """All parts of the states after each step, each (batch, time, size), by a compiled loop."""
    size = start[0].shape[1]
    extra = -size % PANEL
    a = F.pad(torch.unflatten(a, 2, (-1, size)), (0, extra)).flatten(2)
    state = torch.cat([F.pad(part, (0, extra)) for part in start], dim=1)
    padded = [F.pad(w, (0, extra)) if w.dim() == 1 else _padded(w, size, extra) for w in weights]
    states = _CompiledLoop.apply(loop, constants, size + extra, a, state, *padded)  # type: ignore[no-untyped-call]
    return tuple(part[..., :size] for part in states.transpose(0, 1).split(size + extra, dim=2))


def _padded(matrix: Tensor, size: int, extra: int) -> Tensor:
    """A matrix of blocks of size x size, each with `extra` rows and columns of zeros."""
    blocks = torch.unflatten(torch.unflatten(matrix, 1, (-1, size)), 0, (-1, size))
    return F.pad(blocks, (0, extra, 0, 0, 0, extra)).flatten(2).flatten(0, 1)


class _CompiledLoop(torch.autograd.Function):
    """From what the inputs give (batch, time, width), the state before, (batch, parts * size), and parameters.

    Returns the states after each step, (time, batch, parts * size).
    """

    @staticmethod
    def forward(
        ctx: Any, loop: str, constants: tuple[float, ...], size: int, a: Tensor, start: Tensor, *weights: Tensor
    ) -> Tensor:
        rows, steps, width = a.shape
        states = a.new_empty(steps + 1, *start.shape)
        states[0] = start
        gates = a.new_empty(steps, rows, width + _ALSO_KEPT.get(loop, 0) * size)
        gates[..., :width] = a.transpose(0, 1)
        numbers = torch.tensor(constants, dtype=torch.float32)
        ctx.loop, ctx.width, ctx.sizes = loop, width, {"steps": steps, "rows": rows, "size": size}
        _call(f"{loop}_forward", ctx.sizes, numbers, [w.t() for w in weights], states=states, gates=gates)
        ctx.save_for_backward(numbers, states, gates, *weights)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upon: Tensor) -> tuple[Tensor | None, ...]:
        numbers, states, gates, *weights = ctx.saved_tensors
        steps, rows, size = ctx.sizes.values()
        before = states.new_empty(steps, rows, ctx.width)
        carried = torch.zeros_like(states[0])
        arrays = {"states": states, "gates": gates, "upon": upon.contiguous(), "before": before, "carried": carried}
        _call(f"{ctx.loop}_backward", ctx.sizes, numbers, weights, **arrays)
        upon_weights = _UPON_WEIGHTS[ctx.loop](before, states[:-1], states[1:], size)
        return None, None, None, before.transpose(0, 1), carried, *upon_weights


def _call(name: str, sizes: dict[str, int], constants: Tensor, weights: list[Tensor], **arrays: Tensor) -> None:
    u, v = ([w if w.dim() == 1 else panels(w) for w in weights] + [None])[:2]
    call(name, _Layout, **sizes, constants=constants, u=u, v=v, **arrays)


class _Layout(ctypes.Structure):
    """`cells` of `_cells.c`."""

    _fields_ = layout("steps rows size", "constants u v states gates upon before carried")


def _outer(before: Tensor, states: Tensor) -> Tensor:
    """The gradient upon a matrix: of those upon its products (time, batch, rows) with states (time, batch, columns)."""
    return before.flatten(0, 1).t() @ states.flatten(0, 1)


_ALSO_KEPT = {"slstm": 1}  # vectors that a loop keeps for backward beside those that the inputs give
_UPON_WEIGHTS: dict[str, Callable[[Tensor, Tensor, Tensor, int], tuple[Tensor, ...]]] = {
    "slstm": lambda before, old, new, size: (_outer(before, old[..., :size]),),
    "lem": lambda before, old, new, size: (
        _outer(before[..., : 3 * size], old[..., :size]),
        _outer(before[..., 3 * size :], new[..., size:]),
    ),
    "cornn": lambda before, old, new, size: (_outer(before, old),),
    "indrnn": lambda before, old, new, size: ((before * old).sum(dim=(0, 1)),),
}
