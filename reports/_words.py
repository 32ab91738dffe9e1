"""How numbers are written, the same in every kind of report."""

from __future__ import annotations

import math

from harness.analysis.stats import Interval
from harness.analysis.summary import Cell, Curve

UNKNOWN = "-"


def percent(share: float | None, digits: int = 1) -> str:
    return UNKNOWN if share is None else f"{share:.{digits}%}"


def percents(interval: Interval | None) -> str:
    """'[91.0, 97.3]', in percent; 'one seed' where there is no interval."""
    return "one seed" if interval is None else f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def count(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,.0f}"


def score(value: float | None) -> str:
    return UNKNOWN if value is None else f"{round(value, 2) + 0.0:.2f}"  # never -0.00


def scores(interval: Interval | None) -> str:
    return "one seed" if interval is None else f"[{score(interval.low)}, {score(interval.high)}]"


def horizon(curve: Curve) -> str:
    """'50', 'none' where no length is solved, 'refused' or 'no result' where nothing could be said."""
    if curve.refused:
        return "refused"
    return f"{curve.horizon or 'none'}" if curve.cells else "no result"


def horizon_interval(curve: Curve) -> str:
    found = curve.horizon_interval
    return "one seed" if found is None else f"[{found.low:.0f}, {found.high:.0f}]"


def steps(cell: Cell) -> str:
    """The median, or that it is beyond the budget; how many seeds solved it is told beside it."""
    if cell.steps.median is None:
        return f"not within {cell.budget:,}"
    return f"{cell.steps.median:,.0f}"


def steps_interval(cell: Cell) -> str:
    found = cell.steps.interval
    if found is None:
        return "one seed"
    low, high = (f"> {cell.budget:,}" if math.isinf(bound) else f"{bound:,.0f}" for bound in found)
    return f"[{low}, {high}]"


def seconds(value: float | None) -> str:
    """'45 s', '3 min 05 s', '2 h 10 min'."""
    if value is None:
        return UNKNOWN
    minutes, rest = divmod(round(value), 60)
    if minutes < 1:
        return f"{value:.1f} s" if value < 10 else f"{rest} s"
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
