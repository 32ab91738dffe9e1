"""A cell's compiled loop as one differentiable function of inputs, state and parameters."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx
from torch.autograd.function import once_differentiable
from torch.utils import _pytree as pytree

from harness.architecture import CellArchitecture, State
from harness.loops.c_code import Array, Function, write
from harness.loops.compiler import library
from harness.loops.graph import StepGraph, Value, build
from harness.loops.program import padded, split
from harness.loops.trace import Traced, Wanted, tensors, trace

_PANEL = 16  # columns that products take together
_TOGETHER = 64  # rows, of one step or of several, whose gradients upon the parameters are added up together


@dataclass
class CompiledStep:
    """What is called for one kind of inputs."""

    traced: Traced
    graph: StepGraph
    forward: Function
    backward: Function
    calls: ctypes.CDLL
    output: tuple[int, ...]


def compile_step(cell: CellArchitecture, x: Tensor, state: State, wanted: Wanted) -> CompiledStep:
    """Traces, writes and compiles; raises CannotCompileError, or what the step raises."""
    traced = trace(cell, x, state, wanted)
    graph = build(traced)
    programs = split(graph)
    text, forward, backward = write(programs.forward, programs.backward, [_numel(shape) for shape in traced.states])
    return CompiledStep(traced, graph, forward, backward, library(text), tuple(graph.outputs[0].layout.shape[1:]))


def run(step: CompiledStep, cell: CellArchitecture, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
    """What `CellArchitecture.forward` gives. Gradients upon outputs after a row's last valid step count as zero."""
    parts = pytree.tree_flatten(state)[0]
    out, *after = _Loop.apply(step, x, lengths, len(parts), *parts, *tensors(cell).values())  # type: ignore[no-untyped-call]
    return out, pytree.tree_unflatten(after, step.traced.layout)


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, step: CompiledStep, x: Tensor, lengths: Tensor | None, count: int, *rest: Tensor) -> tuple[Tensor, ...]:
        start, given = rest[:count], rest[count:]
        rows, steps = x.shape[:2]
        room = steps if any(ctx.needs_input_grad) else 1
        arrays = _Arrays(step, rows, steps, room, _TOGETHER, before(step, given))
        arrays.put("x", 0, _inputs(x))
        for k, part in enumerate(start):
            arrays.put("state", k, _begun(part, steps))
        out = x.new_empty(rows, steps, *step.output)
        arrays.put("out", 0, out)
        arrays.call(step.calls.forward, step.forward, lengths)
        states = [arrays.kept["state", k] for k in range(count)]
        ctx.step, ctx.sizes, ctx.lengths, ctx.count = step, (rows, steps), lengths, count
        if room == steps:
            rooms = [key for key in arrays.kept if key[0] == "kept"]
            ctx.names = [("x", 0), *(("state", k) for k in range(count)), *rooms]
            ctx.save_for_backward(*given, *(arrays.kept[key] for key in ctx.names))
            ctx.given = len(given)
        lasts = [part[-1, :, : _numel(shape)].unflatten(1, shape) if shape else part[-1, :, 0] for part, shape in zip(states, step.traced.states, strict=True)]
        return (out, *(last.clone() for last in lasts))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upon_out: Tensor, *upon_last: Tensor) -> tuple[Tensor | None, ...]:
        step: CompiledStep = ctx.step
        rows, steps = ctx.sizes
        given, saved = ctx.saved_tensors[: ctx.given], ctx.saved_tensors[ctx.given :]
        together = -(-_TOGETHER // rows)
        fixed = before(step, given)
        arrays = _Arrays(step, rows, steps, steps, together, fixed)
        for name, array in zip(ctx.names, saved, strict=True):
            arrays.put(*name, array)
        if ctx.lengths is not None:
            ended = torch.arange(steps) >= ctx.lengths.unsqueeze(1)
            upon_out = upon_out.masked_fill(ended.reshape(rows, steps, *[1] * (upon_out.dim() - 2)), 0.0)
        arrays.put("upon_out", 0, upon_out.contiguous())
        for k, upon in enumerate(upon_last):
            arrays.put("upon_state", k, _arrived(upon, steps))
        arrays.call(step.calls.backward, step.backward, ctx.lengths)
        upon_start = [arrays.kept["upon_state", k][1][:, : _numel(shape)].reshape(rows, *shape) for k, shape in enumerate(step.traced.states)]
        upon_x = None
        if step.graph.upon_input is not None:
            upon_x = arrays.kept["upon_input", 0][..., : ctx_size(step)].transpose(0, 1)
        return None, upon_x, None, None, *upon_start, *after(step, fixed, arrays)


def ctx_size(step: CompiledStep) -> int:
    assert step.graph.upon_input is not None
    return int(step.graph.upon_input.layout.shape[1])


class _Arrays:
    """What the pointers of a function point to."""

    def __init__(
        self, step: CompiledStep, rows: int, steps: int, room: int, together: int, fixed: dict[fx.Node, Tensor]
    ) -> None:
        self.rows, self.steps, self.room, self.together, self.fixed = rows, steps, room, together, fixed
        self.kept: dict[tuple[str, int], Tensor] = {}

    def put(self, role: str, index: int, array: Tensor) -> None:
        self.kept[role, index] = array

    def call(self, function: Any, code: Function, lengths: Tensor | None) -> None:
        pointers = [self._array(array).data_ptr() for array in code.arrays]
        sizes = [ctypes.c_size_t(size) for size in (self.steps, self.rows, self.room, self.together)]
        ended = None if lengths is None else ctypes.c_void_p(lengths.data_ptr())
        function(*sizes, ended, (ctypes.c_void_p * len(pointers))(*pointers))

    def _array(self, array: Array) -> Tensor:
        key = array.role, array.index
        if key not in self.kept:
            self.kept[key] = self._made(array)
        return self.kept[key]

    def _made(self, array: Array) -> Tensor:
        value = array.value
        if array.role in ("parameter", "panels", "panels turned"):
            assert value is not None
            assert value.node is not None
            found = self.fixed[value.node].detach()
            if array.role == "parameter":
                return found.float().contiguous()
            return panels(found.t() if array.role == "panels turned" else found)
        if array.role == "sum":
            assert value is not None
            return torch.zeros((value.shape[0], array.stride) if value.kind == "outer" else value.shape)
        first = {"kept": (self.room,), "ring": (self.together,), "upon_input": (self.steps,)}.get(array.role, ())
        return empty(*first, self.rows, array.stride)


def empty(*shape: int) -> Tensor:
    """Memory with room for sixteen numbers more: products read as many at once, and do not use what is too much."""
    count = 1
    for size in shape:
        count *= size
    return torch.empty(count + _PANEL)[:count].view(shape)


def panels(matrix: Tensor) -> Tensor:
    """(depth, columns) as the products read it: (columns / 16, depth, 16)."""
    matrix = F.pad(matrix, (0, -matrix.shape[1] % _PANEL))
    return matrix.reshape(len(matrix), -1, _PANEL).transpose(0, 1).contiguous()


def before(step: CompiledStep, given: tuple[Tensor, ...]) -> dict[fx.Node, Tensor]:
    """What is computed of parameters alone."""
    graph = step.traced.graph
    names = [node for node in graph.nodes if node.op == "placeholder"][: len(given)]
    found: dict[fx.Node, Any] = dict(zip(names, given, strict=True))
    with torch.no_grad():
        _evaluate(step.graph.before, found)
    return found


def after(step: CompiledStep, fixed: dict[fx.Node, Tensor], arrays: _Arrays) -> list[Tensor | None]:
    """The gradients upon the parameters, from what was added up over the loop."""
    found: dict[fx.Node, Any] = dict(fixed)
    sums = list(step.graph.sums)
    for node, value in step.graph.sum_nodes.items():
        total = arrays.kept["sum", sums.index(value)]
        if value.kind == "outer":
            total = total[:, : value.shape[1]]
        found[node] = total.t() if value.pattern == "turned" else total
    _evaluate(step.graph.after, found)
    return [None if node is None else found[node] for node in step.graph.upon_parameters]


def _evaluate(nodes: list[fx.Node], found: dict[fx.Node, Any]) -> None:
    for node in nodes:
        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), found.__getitem__)
        found[node] = node.target(*arguments, **keywords)  # type: ignore[operator]


def _inputs(x: Tensor) -> Tensor:
    """Time first, with gaps up to a multiple of sixteen that nothing depends on."""
    rows, steps = x.shape[:2]
    flat = x.reshape(rows, steps, -1)
    seen = empty(steps, rows, padded(flat.shape[2]))
    seen[..., : flat.shape[2]] = flat.transpose(0, 1)
    return seen


def _begun(part: Tensor, steps: int) -> Tensor:
    flat = part.reshape(len(part), -1)
    states = empty(steps + 1, len(part), padded(flat.shape[1]))
    states[0, :, : flat.shape[1]] = flat
    return states


def _arrived(upon: Tensor, steps: int) -> Tensor:
    flat = upon.reshape(len(upon), -1)
    carried = empty(2, len(upon), padded(flat.shape[1]))
    carried[(steps - 1) % 2, :, : flat.shape[1]] = flat
    return carried


def _numel(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


__all__ = ["CompiledStep", "Value", "Wanted", "compile_step", "run"]
