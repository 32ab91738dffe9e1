"""A traced step as values, each computed for every row from others: what is turned into C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx

from harness.loops.operations import SAME, VIEWS, expression, is_costly
from harness.loops.trace import ROWS, CannotCompileError, Traced

aten = torch.ops.aten

_ROW: Final = 2**40
"""The distance of two rows in the layouts below; it tells the dimension of rows from the others."""


@dataclass(eq=False)
class Value:
    """What is computed in one go for every row: an array (rows, *shape), without gaps in a row."""

    kind: str  # input, parameter, constant, map, copy, reduce, product, batched, join, place, outer or total
    shape: tuple[int, ...]  # of one row
    operands: tuple[Operand | float, ...] = ()
    pattern: str = ""  # of a map; of a reduction its operation; of an input its name
    node: fx.Node | None = None  # of a parameter
    axes: tuple[int, ...] = ()  # of a reduction: the dimensions of its operand's rows that it takes together
    offsets: tuple[int, ...] = ()  # of a join, where the pieces begin
    region: Tensor | None = None  # of a place, the layout of what is replaced
    late: bool = False  # depends on the gradients that arrive

    @property
    def size(self) -> int:
        return prod(self.shape)

    def whole(self) -> Operand:
        """All of it, as an operand."""
        rows = (_ROW,) if self.kind != "parameter" else ()
        count = (ROWS,) if self.kind != "parameter" else ()
        return Operand(self, torch.empty_strided((*count, *self.shape), (*rows, *_strides(self.shape)), device="meta"))

    def reads(self) -> list[Operand]:
        return [operand for operand in self.operands if isinstance(operand, Operand)]


class Operand(NamedTuple):
    """A view of a value: the layout is a tensor without memory whose strides say where in a row each number lies."""

    value: Value
    layout: Tensor

    @property
    def offset(self) -> int:
        return int(self.layout.storage_offset())

    @property
    def row(self) -> int | None:
        """Which dimension counts the rows."""
        rows = [d for d, size in enumerate(self.layout.shape) if size == ROWS]
        return rows[0] if rows else None

    @property
    def differs(self) -> bool:
        """Whether rows have numbers of their own: a parameter may be repeated for every row."""
        return self.row is not None and self.layout.stride(self.row) == _ROW

    def strides(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Steps in memory along each dimension of `shape`, to which a row of it is broadcast."""
        own = [(s, d) for s, d in zip(self.layout.shape, self.layout.stride(), strict=True) if s != ROWS]
        own = own[max(0, len(own) - len(shape)) :]
        padded = [(1, 0)] * (len(shape) - len(own)) + own
        return tuple(0 if size == 1 else stride for size, stride in padded)

    def is_whole(self) -> bool:
        whole = self.value.whole().layout
        return self.layout.shape == whole.shape and self.layout.stride() == whole.stride() and not self.offset

    def viewed(self, change: Callable[[Tensor], Any]) -> Any:
        """The same memory seen otherwise, by an operation of torch; several views where it gives several."""
        seen = change(self.layout)
        return [Operand(self.value, one) for one in seen] if isinstance(seen, (tuple, list)) else Operand(self.value, seen)


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[d + 1 :]) for d in range(len(shape)))


@dataclass
class StepGraph:
    """A step and its derivative. Where nothing depends on an input its gradient is None."""

    outputs: list[Operand] = field(default_factory=list)  # the output, and the new states
    upon_states: list[Operand] = field(default_factory=list)
    upon_input: Operand | None = None
    parameters: list[Value] = field(default_factory=list)  # what is computed of parameters alone, before the loop
    sums: list[Value] = field(default_factory=list)  # what is added up over rows and steps
    before: list[fx.Node] = field(default_factory=list)  # torch computes these before the loop
    after: list[fx.Node] = field(default_factory=list)  # and these after it, from the sums
    sum_nodes: dict[fx.Node, Value] = field(default_factory=dict)
    upon_parameters: list[fx.Node | None] = field(default_factory=list)


class _Builder:
    def __init__(self, traced: Traced) -> None:
        self.names, self.states = traced.names, traced.states
        self.graph = StepGraph()
        self.seen: dict[fx.Node, Any] = {}  # what has rows: operands, or lists of them
        self.fixed: dict[fx.Node, Value | None] = {}  # computed of parameters alone, and its value where rows need it
        self.added: set[fx.Node] = set()  # comes out of sums
        placeholders = [node for node in traced.graph.nodes if node.op == "placeholder"]
        self._take_inputs(placeholders)
        for node in traced.graph.nodes:
            if node.op == "call_function":
                self._take(node)
            elif node.op == "get_attr":
                raise CannotCompileError("it reads a tensor that is neither an argument, a parameter nor a buffer")
            elif node.op == "output":
                self._finish(node)

    def _take_inputs(self, placeholders: list[fx.Node]) -> None:
        count, states = len(self.names), len(self.states)
        for node in placeholders[:count]:
            self.fixed[node] = None
        named = ["x", *(f"state{k}" for k in range(states)), "upon_out", *(f"upon_state{k}" for k in range(states))]
        for name, node in zip(named, placeholders[count:], strict=True):
            value = Value("input", tuple(_shape(node)[1:]), pattern=name, late=name.startswith("upon"))
            self.seen[node] = value.whole()

    def _finish(self, node: fx.Node) -> None:
        (found,) = node.args
        states, graph = len(self.states), self.graph
        outputs, rest = found[: 1 + states], found[1 + states :]
        graph.outputs = [self._operand(out) for out in outputs]
        given = len(self.names)
        graph.upon_parameters = list(rest[:given])
        arrives = [None if one is None else self._operand(one) for one in rest[given : given + states]]
        none = [Value("constant", shape, (0.0,)).whole() for shape in self.states]
        graph.upon_states = [zero if one is None else one for one, zero in zip(arrives, none, strict=True)]
        graph.upon_input = None if rest[-1] is None else self._operand(rest[-1])

    def _take(self, node: fx.Node) -> None:
        target, inputs = node.target, node.all_input_nodes
        _refuse_operation(node)
        if any(one in self.seen for one in inputs):
            self._row_node(node)
        elif any(one in self.added for one in inputs):
            self.added.add(node)
            self.graph.after.append(node)
        elif target in VIEWS and ROWS in _shape(node):
            self.seen[node] = self._view(node)
        elif target in (aten.full.default, aten.zeros.default, aten.ones.default) and ROWS in _shape(node):
            fill = {aten.zeros.default: 0.0, aten.ones.default: 1.0}.get(target, node.args[-1])
            self.seen[node] = Value("constant", tuple(_shape(node)[1:]), (float(fill),)).whole()
        else:
            if isinstance(node.meta["val"], Tensor) and ROWS in _shape(node):
                raise CannotCompileError(f"it makes a tensor of a batch's size by {_name(node)}")
            self.fixed[node] = None
            self.graph.before.append(node)

    def _row_node(self, node: fx.Node) -> None:
        result = node.meta["val"]
        if isinstance(result, Tensor) and ROWS not in result.shape:
            self.seen.pop(node, None)
            self._total(node)
            return
        made = self._made(node)
        if isinstance(made, Operand):
            _refuse_shape(node, made)
        self.seen[node] = made

    def _made(self, node: fx.Node) -> Any:
        target, arguments = node.target, node.args
        if target in SAME:
            return self._operand(arguments[0])
        if target in VIEWS:
            return self._view(node)
        if str(target) == "<built-in function getitem>":
            return self.seen[arguments[0]][arguments[1]]
        special = _SPECIAL.get(target)
        if special is not None:
            return special(self, node, *arguments, **node.kwargs)
        found = expression(target, arguments, dict(node.kwargs))
        if found is None:
            raise CannotCompileError(f"the operation {_name(node)} is not known")
        pattern, operands = found
        return self.map(pattern, *(self._operand(one) if isinstance(one, fx.Node) else one for one in operands))

    def map(self, pattern: str, *operands: Operand | float) -> Operand:
        reads = [operand for operand in operands if isinstance(operand, Operand)]
        for number in operands:
            if not isinstance(number, Operand) and float(number) == ROWS:
                raise CannotCompileError("it computes with the size of the batch")
        shape = torch.broadcast_shapes(*(operand.layout.shape for operand in reads))
        for operand in reads:
            if operand.row is not None and (operand.row != 0 or operand.layout.dim() != len(shape)):
                raise CannotCompileError("it mixes the sequences of a batch")
        return Value("map", tuple(shape[1:]), operands, pattern, late=_late(reads)).whole()

    def _operand(self, node: fx.Node) -> Operand:
        if node in self.seen:
            operand: Operand = self.seen[node]
            return operand
        if node in self.added:
            raise CannotCompileError("it mixes the sequences of a batch")
        return self.parameter(node).whole()

    def parameter(self, node: fx.Node) -> Value:
        value = self.fixed[node]
        if value is None:
            value = self.fixed[node] = Value("parameter", tuple(_shape(node)), node=node)
            self.graph.parameters.append(value)
        return value

    def _view(self, node: fx.Node) -> Any:
        source, *rest = node.args
        operand = self._operand(source)

        def change(layout: Tensor) -> Any:
            return node.target(layout, *rest, **node.kwargs)

        try:
            return operand.viewed(change)
        except (RuntimeError, ValueError):
            return self.copy(operand).viewed(change)

    def copy(self, operand: Operand) -> Operand:
        """The same numbers without gaps."""
        if operand.row != 0:
            raise CannotCompileError("it mixes the sequences of a batch")
        return Value("map", tuple(operand.layout.shape[1:]), (operand,), "{0}", late=operand.value.late).whole()

    def _total(self, node: fx.Node) -> None:
        """What adds up over rows: it must be the end of a gradient."""
        found = None
        if node.target is aten.mm.default:
            found = self._outer(node)
        elif node.target is aten.sum.dim_IntList:
            found = self._column_sums(node)
        if found is None:
            raise CannotCompileError(f"it mixes the sequences of a batch by {_name(node)}")
        if not found.late:
            raise CannotCompileError("it mixes the sequences of a batch")
        self.graph.sums.append(found)
        self.graph.sum_nodes[node] = found
        self.added.add(node)

    def _outer(self, node: fx.Node) -> Value | None:
        left, right = (self._operand(one) for one in node.args)
        if left.row != 1 or right.row != 0:
            return None
        units, columns = _shape(node)
        turned = _tiles(columns, units) < _tiles(units, columns)
        if turned:
            left, right, units, columns = right.viewed(_turn), left.viewed(_turn), columns, units
        right = right if right.strides((columns,)) in ((1,), (0,)) else self.copy(right)
        return Value("outer", (units, columns), (left, right), "turned" if turned else "", late=_late([left, right]))

    def _column_sums(self, node: fx.Node) -> Value | None:
        operand, dims = self._operand(node.args[0]), [d % len(_shape(node.args[0])) for d in node.args[1]]
        if operand.row != 0 or 0 not in dims:
            return None
        inner = tuple(d - 1 for d in dims if d)
        if inner:
            operand = self.reduced("sum", operand, inner)
        return Value("total", tuple(_shape(node)), (operand,), late=operand.value.late)

    def reduced(self, operation: str, operand: Operand, axes: tuple[int, ...], keep: bool = False) -> Operand:
        if operand.row != 0:
            raise CannotCompileError("it mixes the sequences of a batch")
        rest = operand.layout.shape[1:]
        shape = tuple(size for d, size in enumerate(rest) if d not in axes)
        value = Value("reduce", shape, (operand,), operation, axes=axes, late=operand.value.late)
        kept = [1 if d in axes else size for d, size in enumerate(rest)]
        return value.whole().viewed(lambda layout: layout.view(ROWS, *kept)) if keep else value.whole()


def _turn(layout: Tensor) -> Tensor:
    return layout.t()


def _tiles(rows: int, columns: int) -> int:
    """Pieces of four rows and sixteen columns, in which products are made."""
    return -(-rows // 4) * -(-columns // 16)


def _late(operands: list[Operand]) -> bool:
    return any(operand.value.late for operand in operands)


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)


def _name(node: fx.Node) -> str:
    return str(node.target).removeprefix("aten.").partition(".")[0]


def _refuse_operation(node: fx.Node) -> None:
    """Random numbers and changes in place, wherever they are."""
    target: Any = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return
    if torch.Tag.nondeterministic_seeded in target.tags:
        raise CannotCompileError(f"it draws random numbers ({_name(node)})")
    if target._schema.is_mutable:
        raise CannotCompileError(f"it changes a tensor in place ({_name(node)})")


def _refuse_shape(node: fx.Node, made: Operand) -> None:
    result = node.meta["val"]
    if result.dtype not in (torch.float32, torch.bool):
        raise CannotCompileError(f"it computes in {str(result.dtype).removeprefix('torch.')} ({_name(node)})")
    if made.layout.shape != result.shape:
        raise CannotCompileError(f"{_name(node)} gives the shape {tuple(result.shape[1:])}, which is not understood")


def _sum(builder: _Builder, node: fx.Node, x: fx.Node, dims: Any = None, keepdim: bool = False, **_: Any) -> Operand:
    return builder.reduced("sum", *_axes(builder, x, dims), keepdim)


def _mean(builder: _Builder, node: fx.Node, x: fx.Node, dims: Any = None, keepdim: bool = False, **_: Any) -> Operand:
    operand, axes = _axes(builder, x, dims)
    count = prod(operand.layout.shape[1:][axis] for axis in axes)
    return builder.map("{0} * {1}", builder.reduced("sum", operand, axes, keepdim), 1 / count)


def _largest(builder: _Builder, node: fx.Node, x: fx.Node, dims: Any = (), keepdim: bool = False) -> Operand:
    return builder.reduced(_name(node), *_axes(builder, x, dims), keepdim)


def _axes(builder: _Builder, x: fx.Node, dims: Any) -> tuple[Operand, tuple[int, ...]]:
    operand = builder._operand(x)
    count = operand.layout.dim()
    axes = tuple(sorted(d % count - 1 for d in (dims or range(count))))
    if -1 in axes:
        raise CannotCompileError("it mixes the sequences of a batch")
    return operand, axes


def _mm(builder: _Builder, node: fx.Node, a: fx.Node, b: fx.Node) -> Operand:
    left, right = builder._operand(a), builder._operand(b)
    if left.row == 0 and right.row is None:
        return Value("product", (right.layout.shape[1],), (left, right), late=left.value.late).whole()
    if left.row is None and right.row == 1:
        flipped = left.viewed(lambda layout: layout.t())
        seen = right.viewed(lambda layout: layout.t())
        made = Value("product", (left.layout.shape[0],), (seen, flipped), late=right.value.late).whole()
        turned: Operand = made.viewed(lambda layout: layout.t())
        return turned
    raise CannotCompileError("it mixes the sequences of a batch by a product")


def _addmm(builder: _Builder, node: fx.Node, bias: fx.Node, a: fx.Node, b: fx.Node, beta: float = 1, alpha: float = 1) -> Operand:
    if (beta, alpha) != (1, 1):
        raise CannotCompileError("a product with factors beta and alpha is not known")
    return builder.map("{0} + {1}", _mm(builder, node, a, b), builder._operand(bias))


def _bmm(builder: _Builder, node: fx.Node, a: fx.Node, b: fx.Node) -> Operand:
    """A product of two matrices for every row."""
    left, right = builder._operand(a), builder._operand(b)
    if left.row not in (0, None) or right.row not in (0, None) or ROWS not in (left.layout.shape[0], right.layout.shape[0]):
        raise CannotCompileError("it mixes the sequences of a batch by a product")
    return Value("batched", tuple(_shape(node)[1:]), (left, right), late=_late([left, right])).whole()


def _cat(builder: _Builder, node: fx.Node, parts: list[fx.Node], dim: int = 0) -> Operand:
    operands = [builder._operand(part) for part in parts]
    axis = dim % len(_shape(node)) - 1
    if axis < 0 or any(operand.row not in (0, None) for operand in operands):
        raise CannotCompileError("it mixes the sequences of a batch")
    shape = tuple(_shape(node)[1:])
    starts = [sum(operand.layout.shape[axis + 1] for operand in operands[:k]) for k in range(len(operands))]
    step = _strides(shape)[axis]
    offsets = tuple(start * step for start in starts)
    return Value("join", shape, tuple(operands), offsets=offsets, late=_late(operands)).whole()


def _slice_scatter(
    builder: _Builder, node: fx.Node, base: fx.Node, part: fx.Node, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Operand:
    return _placed(builder, base, part, lambda layout: aten.slice.Tensor(layout, dim, start, end, step))


def _select_scatter(builder: _Builder, node: fx.Node, base: fx.Node, part: fx.Node, dim: int, index: int) -> Operand:
    return _placed(builder, base, part, lambda layout: layout.select(dim, index))


def _placed(builder: _Builder, base: fx.Node, part: fx.Node, region: Callable[[Tensor], Tensor]) -> Operand:
    below, above = builder._operand(base), builder._operand(part)
    value = Value("place", tuple(below.layout.shape[1:]), (below, above), late=_late([below, above]))
    value.region = region(value.whole().layout)
    return value.whole()


_SPECIAL: dict[Any, Callable[..., Operand]] = {
    aten.sum.dim_IntList: _sum,
    aten.mean.dim: _mean,
    aten.amax.default: _largest,
    aten.amin.default: _largest,
    aten.mm.default: _mm,
    aten.addmm.default: _addmm,
    aten.bmm.default: _bmm,
    aten.cat.default: _cat,
    aten.slice_scatter.default: _slice_scatter,
    aten.select_scatter.default: _select_scatter,
}


def build(traced: Traced) -> StepGraph:
    """Raises CannotCompileError where an operation is not known."""
    return _Builder(traced).graph


def costly(value: Value) -> bool:
    """Whether a value is better kept than computed again."""
    return value.kind in ("product", "batched") or (value.kind == "map" and is_costly(value.pattern))
