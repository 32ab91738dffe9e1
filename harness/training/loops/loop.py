"""A cell's compiled loop as one differentiable function of inputs, state and parameters."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, fx
from torch.autograd.function import once_differentiable
from torch.utils import _pytree as pytree

from harness.architecture import CellArchitecture, State
from harness.training.loops.arrays import Arrays, carried, inputs, part_of
from harness.training.loops.c_code import Array, write
from harness.training.loops.compiler import library
from harness.training.loops.graph import StepGraph, build
from harness.training.loops.program import split
from harness.training.loops.trace import Traced, Wanted, tensors, trace

_TOGETHER: Final = 64  # rows, of one step or of several, whose gradients upon the parameters are added up together


@dataclass(frozen=True)
class CompiledStep:
    """Both directions of a cell's loop for one kind of inputs; rows and steps can be any number."""

    traced: Traced
    graph: StepGraph
    forward: list[Array]
    backward: list[Array]
    calls: ctypes.CDLL


def compile_step(cell: CellArchitecture, x: Tensor, state: State, wanted: Wanted) -> CompiledStep:
    """Traces, writes and compiles; raises CannotCompileError, or what the step raises."""
    traced = trace(cell, x, state, wanted)
    graph = build(traced)
    text, forward, backward = write(split(graph))
    return CompiledStep(traced, graph, forward, backward, library(text))


def run(
    step: CompiledStep, cell: CellArchitecture, x: Tensor, state: State, lengths: Tensor | None
) -> tuple[Tensor, State]:
    """What `CellArchitecture.forward` gives. Gradients upon outputs after a row's last valid step count as zero."""
    parts = pytree.tree_flatten(state)[0]
    out, *after = GeneratedLoop.apply(step, x, lengths, len(parts), *parts, *tensors(cell).values())  # type: ignore[no-untyped-call]
    return out, pytree.tree_unflatten(after, step.traced.layout)


class GeneratedLoop(torch.autograd.Function):
    """From inputs, the parts of the state, and parameters to outputs and the parts of the state at the end."""

    @staticmethod
    def forward(
        ctx: Any, step: CompiledStep, x: Tensor, lengths: Tensor | None, count: int, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        start, given = rest[:count], rest[count:]
        rows, steps = x.shape[:2]
        room = steps if any(ctx.needs_input_grad) else 1
        arrays = Arrays(rows, steps, room, 1, _before(step, given))
        arrays.put("x", 0, inputs(x))
        for k, part in enumerate(start):
            arrays.put("state", k, carried(part, steps + 1, 0))
        out = x.new_empty(rows, steps, *step.graph.outputs[0].shape)
        arrays.put("out", 0, out)
        arrays.call(step.calls.forward, step.forward, lengths)
        names = [name for name in arrays.found if name[0] in ("x", "state", "kept")]
        ctx.step, ctx.sizes, ctx.lengths, ctx.names, ctx.given = step, (rows, steps), lengths, names, len(given)
        if room == steps:
            ctx.save_for_backward(*given, *(arrays.found[name] for name in names))
        lasts = [arrays.found["state", k][-1] for k in range(count)]
        return (out, *(part_of(last, shape).clone() for last, shape in zip(lasts, step.traced.states, strict=True)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upon_out: Tensor, *upon_last: Tensor) -> tuple[Tensor | None, ...]:
        step: CompiledStep = ctx.step
        rows, steps = ctx.sizes
        given, saved = ctx.saved_tensors[: ctx.given], ctx.saved_tensors[ctx.given :]
        fixed = _before(step, given)
        arrays = Arrays(rows, steps, steps, -(-_TOGETHER // rows), fixed)
        for (role, index), array in zip(ctx.names, saved, strict=True):
            arrays.put(role, index, array)
        if ctx.lengths is not None:
            ended = torch.arange(steps) >= ctx.lengths.unsqueeze(1)
            upon_out = upon_out.masked_fill(ended.reshape(rows, steps, *[1] * (upon_out.dim() - 2)), 0.0)
        arrays.put("upon_out", 0, upon_out.contiguous())
        for k, upon in enumerate(upon_last):
            arrays.put("upon_state", k, carried(upon, 2, (steps - 1) % 2))
        arrays.call(step.calls.backward, step.backward, ctx.lengths)
        ends = [arrays.found["upon_state", k][1] for k in range(len(upon_last))]  # (0 - 1) % 2: before the first step
        upon_start = [part_of(end, shape) for end, shape in zip(ends, step.traced.states, strict=True)]
        upon_x = None
        if step.graph.upon_input is not None:
            upon_x = part_of(arrays.found["upon_input", 0], step.graph.upon_input.shape).transpose(0, 1)
        return None, upon_x, None, None, *upon_start, *_after(step, fixed, arrays)


def _before(step: CompiledStep, given: tuple[Tensor, ...]) -> dict[fx.Node, Tensor]:
    """What is computed of the parameters alone, and the parameters."""
    placeholders = [node for node in step.traced.graph.nodes if node.op == "placeholder"]
    found: dict[fx.Node, Any] = dict(zip(placeholders, given, strict=False))
    with torch.no_grad():
        _evaluate(step.graph.before, found)
    return found


def _after(step: CompiledStep, fixed: dict[fx.Node, Tensor], arrays: Arrays) -> list[Tensor | None]:
    """The gradients upon the parameters, from what was added up over the loop."""
    found: dict[fx.Node, Any] = dict(fixed)
    for k, (node, value) in enumerate(step.graph.sums.items()):
        total = arrays.found["sum", k]
        total = total[:, : value.shape[1]] if value.kind == "outer" else total
        found[node] = total.t() if value.pattern == "turned" else total
    _evaluate(step.graph.after, found)
    return [None if node is None else found[node] for node in step.graph.upon_parameters]


def _evaluate(nodes: list[fx.Node], found: dict[fx.Node, Any]) -> None:
    for node in nodes:
        target: Any = node.target
        arguments, keywords = fx.node.map_arg((node.args, node.kwargs), found.__getitem__)
        found[node] = target(*arguments, **keywords)
