"""A traced step as values: what has rows is computed in the loop, the rest by torch before and after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from harness.training.loops.operations import SAME, VIEWS, expression
from harness.training.loops.structure import SPECIAL
from harness.training.loops.trace import IN_PLACE, MIXES, OUTSIDE, ROWS, CannotCompileError, Traced, changes_in_place
from harness.training.loops.values import Operand, Value, is_late

aten = torch.ops.aten


@dataclass
class StepGraph:
    """A step and its derivative. The sums are what the loop adds up over rows and steps for the parameters."""

    outputs: list[Operand] = field(default_factory=list)  # the output, and the new states
    upon_states: list[Operand] = field(default_factory=list)
    upon_input: Operand | None = None
    parameters: list[Value] = field(default_factory=list)
    sums: dict[fx.Node, Value] = field(default_factory=dict)
    before: list[fx.Node] = field(default_factory=list)  # torch computes these of the parameters, before the loop
    after: list[fx.Node] = field(default_factory=list)  # and these of the sums, after it
    upon_parameters: list[fx.Node | None] = field(default_factory=list)


def build(traced: Traced) -> StepGraph:
    """Raises CannotCompileError where an operation is not known."""
    for node in traced.graph.nodes:
        _refuse_operation(node)
    builder = Builder(traced)
    for node in traced.graph.nodes:
        if node.op == "call_function":
            builder.take(node)
        elif node.op == "get_attr":
            raise CannotCompileError(OUTSIDE)
        elif node.op == "output":
            builder.finish(node)
    return builder.graph


class Builder:
    def __init__(self, traced: Traced) -> None:
        self.names, self.states = traced.names, traced.states
        self.graph = StepGraph()
        self.seen: dict[fx.Node, Any] = {}  # what has rows: operands, or lists of them
        self.fixed: dict[fx.Node, Value | None] = {}  # computed of parameters alone; a value where rows need it
        self.added: set[fx.Node] = set()  # comes out of sums
        placeholders = [node for node in traced.graph.nodes if node.op == "placeholder"]
        for node in placeholders[: len(self.names)]:
            self.fixed[node] = None
        parts = range(len(self.states))
        named = ["x", *(f"state{k}" for k in parts), "upon_out", *(f"upon_state{k}" for k in parts)]
        for name, node in zip(named, placeholders[len(self.names) :], strict=True):
            value = Value("input", shape_of(node)[1:], pattern=name, late=name.startswith("upon"))
            self.seen[node] = value.whole()

    def take(self, node: fx.Node) -> None:
        """Adds the value of a node to where it belongs."""
        inputs = node.all_input_nodes
        if any(one in self.seen for one in inputs):
            self._take_row(node)
        elif any(one in self.added for one in inputs):
            self.added.add(node)
            self.graph.after.append(node)
        elif node.target in VIEWS and ROWS in shape_of(node):
            self.seen[node] = self._view(node)
        elif node.target in _FILLED and ROWS in shape_of(node):
            arguments: Any = node.args
            fill = float(arguments[-1]) if node.target is aten.full.default else _FILLED[node.target]
            self.seen[node] = Value("constant", shape_of(node)[1:], (fill,)).whole()
        else:
            if isinstance(node.meta["val"], Tensor) and ROWS in shape_of(node):
                raise CannotCompileError(f"it makes a tensor of a batch's size by {name_of(node)}")
            self.fixed[node] = None
            self.graph.before.append(node)

    def finish(self, node: fx.Node) -> None:
        """Notes the results, in the order of `Traced`."""
        results: Any = node.args[0]
        states, given = len(self.states), len(self.names)
        outputs, rest = results[: 1 + states], results[1 + states :]
        self.graph.outputs = [self.operand(out) for out in outputs]
        self.graph.upon_parameters = list(rest[:given])
        upon = [None if one is None else self.operand(one) for one in rest[given : given + states]]
        zeros = [Value("constant", shape, (0.0,)).whole() for shape in self.states]
        self.graph.upon_states = [zero if one is None else one for one, zero in zip(upon, zeros, strict=True)]
        self.graph.upon_input = None if rest[-1] is None else self.operand(rest[-1])

    def operand(self, node: fx.Node) -> Operand:
        """What a node stands for in the loop."""
        if node in self.seen:
            operand: Operand = self.seen[node]
            return operand
        if node in self.added:
            raise CannotCompileError(MIXES)
        value = self.fixed[node]
        if value is None:
            value = self.fixed[node] = Value("parameter", shape_of(node), node=node)
            self.graph.parameters.append(value)
        return value.whole()

    def map(self, pattern: str, *operands: Operand | float) -> Operand:
        """An expression of C of some operands, broadcast."""
        reads = [operand for operand in operands if isinstance(operand, Operand)]
        if any(not isinstance(number, Operand) and float(number) == ROWS for number in operands):
            raise CannotCompileError("it computes with the size of the batch")
        shapes = [operand.layout.shape for operand in reads]
        shape = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
        for operand in reads:
            if operand.row is not None and (operand.row != 0 or operand.layout.dim() != len(shape)):
                raise CannotCompileError(MIXES)
        return Value("map", tuple(shape[1:]), operands, pattern, late=is_late(reads)).whole()

    def copy(self, operand: Operand) -> Operand:
        """The same numbers without gaps."""
        if operand.row != 0:
            raise CannotCompileError(MIXES)
        return Value("map", operand.shape, (operand,), "{0}", late=operand.value.late).whole()

    def reduced(self, operation: str, operand: Operand, axes: tuple[int, ...], keep: bool = False) -> Operand:
        """A sum, amax or amin over dimensions of a row."""
        if operand.row != 0:
            raise CannotCompileError(MIXES)
        shape = tuple(size for d, size in enumerate(operand.shape) if d not in axes)
        value = Value("reduce", shape, (operand,), operation, axes=axes, late=operand.value.late)
        if not keep:
            return value.whole()
        kept = [1 if d in axes else size for d, size in enumerate(operand.shape)]
        seen: Operand = value.whole().viewed(lambda layout: layout.view(ROWS, *kept))
        return seen

    def _take_row(self, node: fx.Node) -> None:
        result = node.meta["val"]
        if isinstance(result, Tensor) and ROWS not in result.shape:
            self._take_sum(node)
            return
        made = self._made(node)
        if isinstance(made, Operand):
            _refuse_result(node, made)
        self.seen[node] = made

    def _made(self, node: fx.Node) -> Any:
        target, arguments = node.target, node.args
        found: Any = arguments
        if target in SAME:
            return self.operand(found[0])
        if target in VIEWS:
            return self._view(node)
        if name_of(node) == "<built-in function getitem>":
            return self.seen[found[0]][found[1]]
        if target in SPECIAL:
            return SPECIAL[target](self, node, *arguments, **node.kwargs)
        known = expression(target, arguments, dict(node.kwargs))
        if known is None:
            raise CannotCompileError(f"the operation {name_of(node)} is not known")
        pattern, operands = known
        return self.map(pattern, *(self.operand(one) if isinstance(one, fx.Node) else one for one in operands))

    def _view(self, node: fx.Node) -> Any:
        arguments: Any = node.args
        target: Any = node.target
        operand = self.operand(arguments[0])

        def change(layout: Tensor) -> Any:
            return target(layout, *arguments[1:], **node.kwargs)

        try:
            return operand.viewed(change)
        except (RuntimeError, ValueError):
            return self.copy(operand).viewed(change)

    def _take_sum(self, node: fx.Node) -> None:
        """What adds up over rows must be part of a gradient upon parameters."""
        found = _SUMS[node.target](self, node) if node.target in _SUMS else None
        if found is None or not found.late:
            raise CannotCompileError(f"{MIXES} by {name_of(node)}")
        self.graph.sums[node] = found
        self.added.add(node)

    def outer(self, node: fx.Node) -> Value | None:
        """A product that adds up over rows, in the faster of both orders."""
        arguments: Any = node.args
        left, right = (self.operand(one) for one in arguments)
        if left.row != 1 or right.row != 0:
            return None
        units, columns = shape_of(node)
        turned = _tiles(columns, units) < _tiles(units, columns)
        if turned:
            left, right, units, columns = right.turned(), left.turned(), columns, units
        right = right if right.strides((columns,)) in ((1,), (0,)) else self.copy(right)
        late = is_late([left, right])
        return Value("outer", (units, columns), (left, right), "turned" if turned else "", late=late)

    def total(self, node: fx.Node) -> Value | None:
        """A sum over rows, and over other dimensions perhaps."""
        arguments: Any = node.args
        operand, count = self.operand(arguments[0]), len(shape_of(arguments[0]))
        given = arguments[1] if len(arguments) > 1 else None
        dims = [d % count for d in given or range(count)]
        if operand.row != 0 or 0 not in dims:
            return None
        inner = tuple(d - 1 for d in dims if d)
        if inner:
            operand = self.reduced("sum", operand, inner)
        return Value("total", shape_of(node), (operand,), late=operand.value.late)


_FILLED = {aten.full.default: 0.0, aten.zeros.default: 0.0, aten.ones.default: 1.0}
_SUMS: dict[Any, Callable[[Builder, fx.Node], Value | None]] = {
    aten.mm.default: Builder.outer,
    aten.sum.dim_IntList: Builder.total,
    aten.sum.default: Builder.total,
}


def shape_of(node: fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)


def name_of(node: fx.Node) -> str:
    """Of the operation, as people know it: 'rand_like'."""
    return str(node.target).removeprefix("aten.").partition(".")[0]


def _tiles(rows: int, columns: int) -> int:
    """Pieces of four rows and sixteen columns, in which products are made."""
    return -(-rows // 4) * -(-columns // 16)


def _refuse_operation(node: fx.Node) -> None:
    """Random numbers and changes in place, wherever they are."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in target.tags:
        raise CannotCompileError(f"it draws random numbers ({name_of(node)})")
    if changes_in_place(node):
        raise CannotCompileError(IN_PLACE)


def _refuse_result(node: fx.Node, made: Operand) -> None:
    result = node.meta["val"]
    chosen = node.target is aten.where.self and result.dtype == torch.int64  # between two numbers of Python
    if result.dtype not in (torch.float32, torch.bool) and not chosen:
        raise CannotCompileError(f"it computes in {str(result.dtype).removeprefix('torch.')} ({name_of(node)})")
    if made.layout.shape != result.shape:
        raise CannotCompileError(f"{name_of(node)} gives the shape {tuple(result.shape[1:])}, which is not understood")
