"""The memory that a compiled loop is given: inputs time first, rows with gaps up to a multiple of sixteen numbers."""

from __future__ import annotations

import ctypes
from math import prod
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from harness.training.loops.c_code import Array
from harness.training.loops.program import padded

_PANEL: Final = 16  # columns that products take together


class Arrays:
    """What the pointers of one call point to: what is put here, and the rest as it is needed."""

    def __init__(self, rows: int, steps: int, room: int, together: int, fixed: dict[fx.Node, Tensor]) -> None:
        self.rows, self.steps, self.room, self.together, self.fixed = rows, steps, room, together, fixed
        self.found: dict[tuple[str, int], Tensor] = {}

    def put(self, role: str, index: int, array: Tensor) -> None:
        self.found[role, index] = array

    def call(self, function: Any, needed: list[Array], lengths: Tensor | None) -> None:
        """Calls a function of a compiled file."""
        pointers = [self._array(array).data_ptr() for array in needed]
        sizes = [ctypes.c_size_t(size) for size in (self.steps, self.rows, self.room, self.together)]
        ends = None if lengths is None else ctypes.c_void_p(lengths.data_ptr())
        function(*sizes, ends, (ctypes.c_void_p * len(pointers))(*pointers))

    def _array(self, array: Array) -> Tensor:
        key = array.role, array.index
        if key not in self.found:
            self.found[key] = self._made(array)
        return self.found[key]

    def _made(self, array: Array) -> Tensor:
        value = array.value
        if array.role == "sum":
            assert value is not None
            return torch.zeros((value.shape[0], array.stride) if value.kind == "outer" else value.shape)
        if value is not None and value.node is not None:
            return _parameter(self.fixed[value.node], array.role)
        first = {"kept": (self.room,), "ring": (self.together,), "upon_input": (self.steps,)}.get(array.role, ())
        return _empty(*first, self.rows, array.stride)


def _parameter(value: Tensor, role: str) -> Tensor:
    """As it is, with room for a multiple of sixteen numbers, or in the panels that products read."""
    value = value.detach().float()
    if role == "parameter":
        return value.contiguous()
    if role == "start":
        return F.pad(value, (0, -len(value) % _PANEL)).contiguous()
    matrix = value.t() if role == "panels turned" else value
    matrix = F.pad(matrix, (0, -matrix.shape[1] % _PANEL))
    return matrix.reshape(len(matrix), -1, _PANEL).transpose(0, 1).contiguous()


def inputs(x: Tensor) -> Tensor:
    """x (batch, time, size), time first."""
    rows, steps, size = x.shape
    seen = _empty(steps, rows, padded(size))
    seen[..., :size] = x.transpose(0, 1)
    return seen


def carried(part: Tensor, places: int, place: int) -> Tensor:
    """Memory for a part of the state at each of `places`, with what it is at one of them."""
    size = prod(part.shape[1:])
    memory = _empty(places, len(part), padded(size))
    memory[place, :, :size] = part.reshape(len(part), size)
    return memory


def part_of(memory: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Rows without the gaps, (..., *shape)."""
    return memory[..., : prod(shape)].reshape(*memory.shape[:-1], *shape)


def _empty(*shape: int) -> Tensor:
    """Memory with room for sixteen numbers more: products read as many at once, and do not use what is too much."""
    return torch.empty(prod(shape) + _PANEL)[: prod(shape)].view(shape)
