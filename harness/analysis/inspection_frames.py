"""What was found inside runs as data frames of pandas, which is imported here and in `frames`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.inspection_record import Inspection
from harness.report import Results

_RUN = ["identity", "task", "architecture", "seed", "length"]


def gradient_frame(results: Results) -> pd.DataFrame:
    """Gradients by lag, at the start and after training; `share` is of the norm at lag 0."""
    rows = (
        {**run, "when": when, "lag": lag, "norm": norm, "share": found.left(lag)}
        for one, run in _runs(results)
        for when, found in (("start", one.start), ("trained", one.trained))
        for lag, norm in zip(found.lags, found.norms, strict=True)
    )
    return pd.DataFrame(list(rows), columns=[*_RUN, "when", "lag", "norm", "share"])


def state_frame(results: Results) -> pd.DataFrame:
    """The derivative of the last state with respect to earlier ones; no row of a model without a state."""
    rows = (
        {**run, "when": when, "lag": lag, "norm": norm, "largest_singular_value": singular[0]}
        for one, run in _runs(results)
        for when, found in (("start", one.state_at_start), ("trained", one.state))
        if found
        for lag, norm, singular in zip(found.lags, found.norms, found.singular, strict=True)
    )
    return pd.DataFrame(list(rows), columns=[*_RUN, "when", "lag", "norm", "largest_singular_value"])


def decoded_frame(results: Results) -> pd.DataFrame:
    """The accuracy of a probe by time step, with its 95 % interval over sequences."""
    columns = ["step", "accuracy", "low", "high", "chance"]
    rows = (
        {**run, **dict(zip(columns, point, strict=True))}
        for one, run in _runs(results)
        if (found := one.decoded)
        for point in zip(found.steps, found.accuracies, found.low, found.high, found.chances, strict=True)
    )
    return pd.DataFrame(list(rows), columns=[*_RUN, *columns])


def activity_frame(results: Results) -> pd.DataFrame:
    """Named internals over the shown sequence; `unit` counts from the slowest one."""
    rows = (
        {**run, "name": name, "unit": unit, "step": step, "input": symbol, "value": value}
        for one, run in _runs(results)
        for name, units in one.internals.items()
        for unit, values in enumerate(units)
        for step, (symbol, value) in enumerate(zip(one.shown.inputs, values, strict=False))
    )
    return pd.DataFrame(list(rows), columns=[*_RUN, "name", "unit", "step", "input", "value"])


def unit_frame(results: Results) -> pd.DataFrame:
    """Features of the task, the unit that follows each best, and their correlation on other sequences."""
    rows = (
        {**run, "feature": found.feature, "unit": found.unit, "correlation": found.correlation}
        for one, run in _runs(results)
        for found in one.followers
    )
    return pd.DataFrame(list(rows), columns=[*_RUN, "feature", "unit", "correlation"])


def _runs(results: Results) -> Iterator[tuple[Inspection, dict[str, Any]]]:
    """Each inspection, and the columns that name its run."""
    for one in results.inspections:
        yield one, dict(zip(_RUN, (one.identity, one.task_label, one.label, one.seed, one.length), strict=True))
