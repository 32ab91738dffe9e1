"""Finite groups as multiplication tables: symmetric, alternating and cyclic ones, and their direct products."""

from __future__ import annotations

import math
import re
from functools import reduce
from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor

from harness.task import refuse_unknown

_EXAMPLES = ("s3", "s4", "s5", "a4", "a5", "z2", "z5", "z60", "a4xz5")
_MOST_ELEMENTS = 1000
_PERMUTED = {"s3", "s4", "s5", "a4", "a5"}


class Group(NamedTuple):
    """`table[i, j]` is the number of the product of elements i and j, int64 (order, order); element 0 is neutral."""

    table: Tensor
    names: list[str]


def group_of(name: str) -> Group:
    """The group of a name: s3, s4, s5 (all permutations), a4, a5 (even ones), zN (cyclic), and products as a4xz5."""
    factors = [_factor(part, name) for part in name.split("x")]
    order = math.prod(len(factor.names) for factor in factors)
    if order > _MOST_ELEMENTS:
        raise ValueError(f"group {name!r} has {order} elements, and {_MOST_ELEMENTS} are the most")
    return reduce(_product, factors)


def _factor(part: str, name: str) -> Group:
    if part in _PERMUTED:
        return _permutations(int(part[1:]), even_only=part[0] == "a")
    if found := re.fullmatch(r"z(\d{1,4})", part):
        return _cyclic(int(found[1]), name)
    refuse_unknown("group", name, _EXAMPLES)
    raise ValueError(f"no group {name!r}")


def _cyclic(order: int, name: str) -> Group:
    if not 2 <= order <= _MOST_ELEMENTS:
        raise ValueError(f"zN is the integers modulo N, 2 <= N <= {_MOST_ELEMENTS}, got group {name!r}")
    numbers = torch.arange(order)
    return Group((numbers[:, None] + numbers) % order, [str(number) for number in range(order)])


def _permutations(points: int, *, even_only: bool) -> Group:
    """Permutations, each named by where it sends 1, 2, ...; the product p q sends i to q(p(i)): first p, then q."""
    elements = [p for p in permutations(range(points)) if not (even_only and _is_odd(p))]
    number = {element: index for index, element in enumerate(elements)}
    table = [[number[tuple(q[i] for i in p)] for q in elements] for p in elements]
    return Group(torch.tensor(table), ["".join(str(i + 1) for i in element) for element in elements])


def _is_odd(permutation: tuple[int, ...]) -> bool:
    inversions = sum(a > b for i, a in enumerate(permutation) for b in permutation[i + 1 :])
    return inversions % 2 == 1


def _product(one: Group, other: Group) -> Group:
    """The direct product: pairs of elements, multiplied part by part."""
    size = len(other.names)
    pairs = one.table[:, None, :, None] * size + other.table[None, :, None, :]
    order = len(one.names) * size
    return Group(pairs.reshape(order, order), [f"{a},{b}" for a in one.names for b in other.names])
