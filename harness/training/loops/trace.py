"""One step of a cell and its derivative as a graph of torch's operations, as autograd itself computes them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch._decomp import _core_aten_decompositions_post_autograd, get_decompositions
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, functionalize
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from harness.architecture import CellArchitecture, State
from harness.training.loops.decompositions import OWN, WHOLE

ROWS: Final = 10007
"""Rows of the traced batch: a prime that no size of a cell is likely to be, so that the dimension of rows is known."""

IN_PLACE: Final = "it changes what it is given in place"
MIXES: Final = "it mixes the sequences of a batch"
OUTSIDE: Final = "it reads a tensor that is neither an argument, a parameter nor a buffer"


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
    _refuse_types(parts, list(named.values()))
    with FakeTensorMode(), torch.enable_grad():
        given = [
            _like(tensor, tensor.shape, wants) for tensor, wants in zip(named.values(), wanted.parameters, strict=True)
        ]
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
            made = make_fx(joint, decomposition_table=_decompositions())(given, x_t, before, upon)
        if any(changes_in_place(node) for node in made.graph.nodes):  # torch's own derivatives have some
            with torch.no_grad():
                again = make_fx(functionalize(made, remove="mutations"), decomposition_table=_decompositions())
                made = again([one.detach() for one in given], x_t.detach(), [one.detach() for one in before], upon)
    made.graph.eliminate_dead_code()
    return Traced(made.graph, tuple(named), tuple(tuple(part.shape[1:]) for part in parts), layout)


def changes_in_place(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


@cache
def _decompositions() -> dict[Any, Any]:
    return {**_core_aten_decompositions_post_autograd(), **get_decompositions(WHOLE), **OWN}


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


def _refuse_types(parts: list[Any], given: list[Tensor]) -> None:
    """Refuses what cannot be carried, and sizes that stand for something else."""
    for part in parts:
        if not isinstance(part, Tensor) or part.dtype != torch.float32:
            kind = str(part.dtype).removeprefix("torch.") if isinstance(part, Tensor) else type(part).__name__
            raise CannotCompileError(f"its state holds {kind}, and only float32 tensors can be carried")
    if any(ROWS in tensor.shape[1:] for tensor in [*given, *parts]) or any(ROWS in one.shape[:1] for one in given):
        raise CannotCompileError(f"one of its sizes is {ROWS}, which stands for the batch here")


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
