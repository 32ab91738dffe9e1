"""Ranges a hyperparameter may be searched in: `Float`, `Int`, `Choice`. Importing this never imports torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class _Range:
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a range needs low < high, got low={self.low}, high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, got low={self.low}")

    def __str__(self) -> str:
        return f"{self.low:g} .. {self.high:g}{' (log)' if self.log else ''}"


class Float(_Range):
    """A real number in [low, high], uniform or, with `log`, uniform in its logarithm."""

    def __contains__(self, value: object) -> bool:
        return _is_number(value) and self.low <= value <= self.high  # type: ignore[operator]


class Int(_Range):
    """A whole number in [low, high], uniform or, with `log`, uniform in its logarithm."""

    low: int
    high: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and _is_number(value) and self.low <= value <= self.high


@dataclass(frozen=True, init=False)
class Choice:
    """One of the given values, without an order."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        if len(values) < 2:
            raise ValueError(f"a choice needs at least two values, got {values}")
        object.__setattr__(self, "values", values)

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return " | ".join(str(value) for value in self.values)


Space = Float | Int | Choice
SearchSpace = Mapping[str, Space]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def as_range(text: str) -> Space:
    """What `low:high`, `low:high:log` or `value,value` stands for; numbers where they are some, a ValueError else."""
    if ":" not in text:
        return Choice(*(_number(word) for word in text.split(",")))
    low, high, *scale = text.split(":")
    bounds = _number(low), _number(high)
    if scale not in ([], ["log"]) or any(isinstance(bound, str) or not math.isfinite(bound) for bound in bounds):
        raise ValueError(f"a range is written low:high or low:high:log, got {text!r}")
    whole = all(isinstance(bound, int) for bound in bounds)
    return (Int if whole else Float)(*bounds, log=bool(scale))  # type: ignore[arg-type]


def range_text(space: Space) -> str:
    """The text that `as_range` reads as this range."""
    if isinstance(space, Choice):
        return ",".join(str(value).lower() if isinstance(value, bool) else str(value) for value in space.values)
    return f"{space.low!r}:{space.high!r}{':log' * space.log}"


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()
