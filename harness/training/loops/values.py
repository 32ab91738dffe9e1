"""What a step computes, value by value: every value is an array with one row for each sequence of the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal

import torch
from torch import Tensor, fx

from harness.training.loops.operations import is_costly
from harness.training.loops.trace import ROWS

_ROW: Final = 2**40
"""The distance of two rows in the layouts below; it tells the dimension of rows from the others."""

Kind = Literal[
    "input",  # the input, a part of the state, or a gradient that arrives; named by `pattern`
    "parameter",  # computed of parameters alone, before the loop
    "constant",  # one number everywhere
    "map",  # number by number, by an expression of C
    "reduce",  # a sum or an extreme over some dimensions of a row
    "product",  # the sum of products with parameters: operands in pairs, and perhaps a vector to begin with
    "batched",  # a product of two matrices for each row
    "join",  # pieces beside each other
    "place",  # a value in which a region is replaced by another one
    "outer",  # a product that adds up over rows and steps, as the gradient upon a matrix does
    "total",  # a sum over rows and steps
]


@dataclass(eq=False)
class Value:
    """An array (rows, *shape) without gaps within a row; "parameter", "outer" and "total" have no rows."""

    kind: Kind
    shape: tuple[int, ...]
    operands: tuple[Operand | float, ...] = ()
    pattern: str = ""  # of a map the expression, of a reduction the operation, of an input the name
    node: fx.Node | None = None  # of a parameter
    axes: tuple[int, ...] = ()  # of a reduction: the dimensions of its operand's rows that it takes together
    offsets: tuple[int, ...] = ()  # of a join, where the pieces begin
    region: Tensor | None = None  # of a place, the layout of what is replaced
    late: bool = False  # depends on the gradients that arrive

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def given(self) -> bool:
        """Whether nothing needs to be computed."""
        return self.kind in ("input", "parameter", "constant")

    def whole(self) -> Operand:
        """All of it, as an operand."""
        shape, strides = self.shape, dense(self.shape)
        if self.kind != "parameter":
            shape, strides = (ROWS, *shape), (_ROW, *strides)
        return Operand(self, torch.empty_strided(shape, strides, device="meta"))

    def reads(self) -> list[Operand]:
        return [operand for operand in self.operands if isinstance(operand, Operand)]


@dataclass(frozen=True, eq=False)
class Operand:
    """A view of a value: the layout is a tensor without memory whose strides say where in a row each number lies."""

    value: Value
    layout: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        return tuple(size for size in self.layout.shape if size != ROWS)

    @property
    def size(self) -> int:
        return prod(self.shape)

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
        own = [(size, step) for size, step in zip(self.layout.shape, self.layout.stride(), strict=True) if size != ROWS]
        own = own[max(0, len(own) - len(shape)) :]
        padded = [(1, 0)] * (len(shape) - len(own)) + own
        return tuple(0 if size == 1 else step for size, step in padded)

    def is_whole(self) -> bool:
        whole = self.value.whole().layout
        return self.layout.shape == whole.shape and self.layout.stride() == whole.stride() and not self.offset

    def viewed(self, change: Callable[[Tensor], Any]) -> Any:
        """The same memory seen otherwise, by an operation of torch; several views where it gives several."""
        seen = change(self.layout)
        if isinstance(seen, (tuple, list)):
            return [Operand(self.value, one) for one in seen]
        return Operand(self.value, seen)

    def turned(self) -> Operand:
        """As `t` has it."""
        return Operand(self.value, self.layout.t())


def dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array without gaps."""
    return tuple(prod(shape[d + 1 :]) for d in range(len(shape)))


def is_late(operands: list[Operand]) -> bool:
    return any(operand.value.late for operand in operands)


def costly(value: Value) -> bool:
    """Whether a value is better kept than computed again."""
    return value.kind in ("product", "batched") or (value.kind == "map" and is_costly(value.pattern))
