"""One step of a cell and its derivative as a graph of torch's operations, as autograd itself computes them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch._decomp import core_aten_decompositions
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from harness.architecture import CellArchitecture, State
from harness.loops.decompositions import OWN

ROWS: Final = 10007
"""Rows of the traced batch: a prime that no size of a cell is likely to be, so that a dimension tells what it counts."""


class CannotCompileError(Exception):
    """Why a step cannot be made a compiled loop, as the end of a sentence."""


@dataclass(frozen=True)
class Traced:
    """A step's graph: its outputs are [output, *new states], then gradients upon parameters, states and the input."""

    graph: fx.Graph
    names: tuple[str, ...]  # of the cell's parameters and buffers, in the order of the first placeholders
    states: tuple[tuple[int, ...], ...]  # the shape of each part of the state, without rows
    layout: Any  # how the parts are nested


@dataclass(frozen=True)
class Wanted:
    """Whose gradients are asked for."""

    parameters: tuple[bool, ...]  # and buffers
    input: bool


class _Step(nn.Module):
    def __init__(self, cell: CellArchitecture) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.cell.step(x, state)


def tensors(cell: CellArchitecture) -> dict[str, Tensor]:
    """The cell's parameters and buffers by name."""
    return {**dict(cell.named_parameters()), **dict(cell.named_buffers())}


def trace(cell: CellArchitecture, x: Tensor, state: State, wanted: Wanted) -> Traced:
    """Traces `step` for inputs like x (batch, time, size); raises CannotCompileError, or whatever the step raises."""
    named = tensors(cell)
    parts, layout = pytree.tree_flatten(state)
    _refuse_types([*named.values(), x, *parts], x.shape[0])
    with FakeTensorMode() as mode, torch.enable_grad():
        given = [_like(tensor, tensor.shape, wants) for tensor, wants in zip(named.values(), wanted.parameters, strict=True)]
        x_t = _like(x, (ROWS, *x.shape[2:]), wanted.input)
        before = [_like(part, (ROWS, *part.shape[1:]), True) for part in parts]
        upon = [_like(x, (ROWS, cell.output_size), False), *(_like(part, part.shape, False) for part in before)]

        def joint(given: list[Tensor], x_t: Tensor, before: list[Tensor], upon: list[Tensor]) -> list[Tensor | None]:
            substitutes = {f"cell.{name}": tensor for name, tensor in zip(named, given, strict=True)}
            arguments = (x_t, pytree.tree_unflatten(before, layout))
            out, after = functional_call(_Step(cell), substitutes, arguments)
            flat, nested = pytree.tree_flatten(after)
            _refuse_outputs([out, *flat], upon, nested == layout)
            return [out, *flat, *_gradients([out, *flat], [*given, *before, x_t], upon)]

        with _unchanged(cell), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = make_fx(joint, decomposition_table={**core_aten_decompositions(), **OWN})(given, x_t, before, upon).graph
        del mode
    graph.eliminate_dead_code()
    return Traced(graph, tuple(named), tuple(tuple(part.shape[1:]) for part in parts), layout)


def _like(tensor: Tensor, shape: Any, wants: bool) -> Tensor:
    return torch.empty(tuple(shape), dtype=tensor.dtype).requires_grad_(wants)


def _gradients(outputs: list[Tensor], inputs: list[Tensor], upon: list[Tensor]) -> list[Tensor | None]:
    """The gradients upon the inputs that want one; None for the others and where nothing depends on an input."""
    wanting = [tensor for tensor in inputs if tensor.requires_grad]
    from_these = [(out, grad) for out, grad in zip(outputs, upon, strict=True) if out.requires_grad]
    if not from_these:
        return [None] * len(inputs)
    heads, grads = zip(*from_these, strict=True)
    found = iter(torch.autograd.grad(heads, wanting, grads, allow_unused=True))
    return [next(found) if tensor.requires_grad else None for tensor in inputs]


def _refuse_types(given: list[Tensor], rows: int) -> None:
    for tensor in given:
        if not isinstance(tensor, Tensor):
            raise CannotCompileError(f"its state holds a {type(tensor).__name__}, and only tensors can be carried")
        if tensor.device.type != "cpu":
            raise CannotCompileError(f"it computes on {tensor.device.type}, and loops are made for a CPU")
        if ROWS in tensor.shape:
            raise CannotCompileError(f"one of its sizes is {ROWS}, which stands for the batch here")
    for part in given[1:]:
        del part
    del rows


def _refuse_outputs(outputs: list[Tensor], upon: list[Tensor], same_nesting: bool) -> None:
    if not same_nesting:
        raise CannotCompileError("the state that it returns is nested in another way than the state that it takes")
    for out, like in zip(outputs, upon, strict=True):
        if out.shape != like.shape or out.dtype != like.dtype:
            raise CannotCompileError(
                f"it returns {tuple(out.shape[1:])} of {out.dtype} where {tuple(like.shape[1:])} of {like.dtype} is due"
            )


@contextmanager
def _unchanged(cell: nn.Module) -> Iterator[None]:
    """Raises CannotCompileError, and puts everything back, where a step has set attributes of the cell."""
    kept = [(module, dict(vars(module)), dict(module._buffers)) for module in cell.modules()]
    try:
        yield
    finally:
        changed = [name for module, before, _ in kept for name in _differences(before, vars(module))]
        changed += [name for module, _, before in kept for name in _differences(before, module._buffers)]
        for module, attributes, buffers in kept:
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.clear()
            module._buffers.update(buffers)
    if changed:
        raise CannotCompileError(f"it sets self.{changed[0]}")


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in {**before, **after} if before.get(name, _MISSING) is not after.get(name, _MISSING)]


_MISSING = object()
