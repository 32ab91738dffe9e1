"""One measured thing, as tables, reports and records take it. Never imports torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression


@dataclass(frozen=True)
class Row:
    """One training at one length, one pass of it."""

    label: str
    length: int
    kind: str
    reason: str = ""  # why there is no time; '' where there is
    seconds: float = math.nan  # median over all samples
    quarter: float = math.nan  # first and third quartile
    three_quarters: float = math.nan
    samples: int = 0
    tokens_per_second: float = math.nan
    flops: float = math.nan  # of the matrix products in one call
    flops_per_second: float = math.nan
    of_product: float = math.nan  # share of the machine's own rate
    memory: int | None = None  # peak bytes beyond model and batch
    parameters: int = 0
    state_size: int | None = None
    kernel: str = ""
    batch_size: int = 0
    hidden_size: int = 0
    machine: str = ""  # what it was measured on, in words


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The exponent of the power law through points, by least squares of logarithms."""
    x, y = zip(*points, strict=True)
    return linear_regression([math.log(value) for value in x], [math.log(value) for value in y]).slope
