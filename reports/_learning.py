"""Learning curves over seeds."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from harness.record import Record

Learning = dict[str, dict[int, list[tuple[int, float, float, float]]]]
"""By architecture and length: step, and mean, lowest and highest validation accuracy over the seeds that got there."""

_POINTS = 50


def learning_curves(records: Sequence[Record]) -> dict[str, Learning]:
    """By task; a run that stopped early, having solved it, counts at later steps with its last accuracy."""
    cells: dict[tuple[str, str, int], list[dict[int, float]]] = defaultdict(list)
    for record in records:
        points = {p.step: p.validation_accuracy for p in record.curve if math.isfinite(p.validation_accuracy)}
        if points and record.status != "interrupted":
            cells[record.spec.task_label, record.spec.label, record.spec.length].append(points)
    found: dict[str, Learning] = {record.spec.task_label: {} for record in records}
    for (task, label, length), curves in cells.items():
        found[task].setdefault(label, {})[length] = _over_seeds(curves)
    return found


def _over_seeds(curves: list[dict[int, float]]) -> list[tuple[int, float, float, float]]:
    steps = sorted({step for curve in curves for step in curve})
    kept = steps[:: -(-len(steps) // _POINTS)]
    if kept[-1] != steps[-1]:
        kept.append(steps[-1])
    columns = [_held(curve, kept) for curve in curves]
    return [_spread(step, [v for v in values if v is not None]) for step, *values in zip(kept, *columns, strict=True)]


def _held(curve: dict[int, float], steps: list[int]) -> list[float | None]:
    """The curve at these steps: what was measured last; None before the first measurement."""
    held: list[float | None] = []
    measured = sorted(curve)
    for wanted in steps:
        before = bisect_right(measured, wanted)
        held.append(curve[measured[before - 1]] if before else None)
    return held


def _spread(step: int, values: list[float]) -> tuple[int, float, float, float]:
    return step, fmean(values), min(values), max(values)
