"""torch's operations that are not elementwise: sums, products, and what puts tensors together."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx

from harness.training.loops.trace import MIXES, ROWS, CannotCompileError
from harness.training.loops.values import Operand, Value, dense, is_late

if TYPE_CHECKING:
    from harness.training.loops.graph import Builder

aten = torch.ops.aten


def _sum(builder: Builder, node: fx.Node, x: fx.Node, dims: Any = None, keepdim: bool = False, **_: Any) -> Operand:
    operand, axes = _axes(builder, x, dims)
    return builder.reduced("sum", operand, axes, keepdim)


def _mean(builder: Builder, node: fx.Node, x: fx.Node, dims: Any = None, keepdim: bool = False, **_: Any) -> Operand:
    operand, axes = _axes(builder, x, dims)
    count = prod(operand.shape[axis] for axis in axes)
    return builder.map("{0} * {1}", builder.reduced("sum", operand, axes, keepdim), 1 / count)


def _largest(builder: Builder, node: fx.Node, x: fx.Node, dims: Any = (), keepdim: bool = False) -> Operand:
    operand, axes = _axes(builder, x, dims)
    return builder.reduced("amax", operand, axes, keepdim)


def _smallest(builder: Builder, node: fx.Node, x: fx.Node, dims: Any = (), keepdim: bool = False) -> Operand:
    operand, axes = _axes(builder, x, dims)
    return builder.reduced("amin", operand, axes, keepdim)


def _axes(builder: Builder, x: fx.Node, dims: Any) -> tuple[Operand, tuple[int, ...]]:
    """The dimensions of a row that are meant."""
    operand = builder.operand(x)
    count = operand.layout.dim()
    axes = tuple(sorted(d % count - 1 for d in (dims or range(count))))
    if -1 in axes:
        raise CannotCompileError(MIXES)
    return operand, axes


def _mm(builder: Builder, node: fx.Node, a: fx.Node, b: fx.Node) -> Operand:
    """A product with a parameter, on either side."""
    left, right = builder.operand(a), builder.operand(b)
    if left.row == 0 and right.row is None:
        return _product(left, right)
    if left.row is None and right.row == 1:
        return _product(right.turned(), left.turned()).turned()
    raise CannotCompileError(f"{MIXES} by a product")


def _product(left: Operand, right: Operand) -> Operand:
    return Value("product", (int(right.layout.shape[1]),), (left, right), late=left.value.late).whole()


def _addmm(
    builder: Builder, node: fx.Node, bias: fx.Node, a: fx.Node, b: fx.Node, beta: float = 1, alpha: float = 1
) -> Operand:
    if (beta, alpha) != (1, 1):
        raise CannotCompileError("a product with factors beta and alpha is not known")
    return builder.map("{0} + {1}", _mm(builder, node, a, b), builder.operand(bias))


def _bmm(builder: Builder, node: fx.Node, a: fx.Node, b: fx.Node) -> Operand:
    """A product of two matrices for every row."""
    left, right = builder.operand(a), builder.operand(b)
    if left.row != 0 or right.row != 0:
        raise CannotCompileError(f"{MIXES} by a product")
    shape = (int(left.layout.shape[1]), int(right.layout.shape[2]))
    return Value("batched", shape, (left, right), late=is_late([left, right])).whole()


def _cat(builder: Builder, node: fx.Node, parts: list[fx.Node], dim: int = 0) -> Operand:
    operands = [builder.operand(part) for part in parts]
    result = tuple(node.meta["val"].shape)
    axis = dim % len(result) - 1
    if axis < 0 or any(operand.row != 0 for operand in operands):
        raise CannotCompileError(MIXES)
    shape = result[1:]
    starts = [sum(operand.shape[axis] for operand in operands[:k]) for k in range(len(operands))]
    offsets = tuple(start * dense(shape)[axis] for start in starts)
    return Value("join", shape, tuple(operands), offsets=offsets, late=is_late(operands)).whole()


def _copy(builder: Builder, node: fx.Node, over: fx.Node, source: fx.Node, *_: Any) -> Operand:
    """What `over` would become by an assignment."""
    shape = node.meta["val"].shape
    seen: Operand = builder.operand(source).viewed(lambda layout: layout.expand(shape))
    return seen


def _slice_scatter(
    builder: Builder, node: fx.Node, base: fx.Node, part: fx.Node, dim: int = 0, *bounds: Any, **named: Any
) -> Operand:
    return _placed(builder, base, part, lambda layout: aten.slice.Tensor(layout, dim, *bounds, **named))


def _select_scatter(builder: Builder, node: fx.Node, base: fx.Node, part: fx.Node, dim: int, index: int) -> Operand:
    return _placed(builder, base, part, lambda layout: layout.select(dim, index))


def _placed(builder: Builder, base: fx.Node, part: fx.Node, region: Callable[[Tensor], Tensor]) -> Operand:
    below, above = builder.operand(base), builder.operand(part)
    if below.row != 0 or above.row != 0:
        raise CannotCompileError(MIXES)
    value = Value("place", below.shape, (below, above), late=is_late([below, above]))
    value.region = region(value.whole().layout)
    if ROWS not in value.region.shape:
        raise CannotCompileError(MIXES)
    return value.whole()


SPECIAL: dict[Any, Callable[..., Operand]] = {
    aten.sum.dim_IntList: _sum,
    aten.mean.dim: _mean,
    aten.amax.default: _largest,
    aten.amin.default: _smallest,
    aten.mm.default: _mm,
    aten.addmm.default: _addmm,
    aten.bmm.default: _bmm,
    aten.cat.default: _cat,
    aten.copy.default: _copy,
    aten.slice_scatter.default: _slice_scatter,
    aten.select_scatter.default: _select_scatter,
}
