"""What `harness inspect` found, in MLflow: one run for each inspected run, whose metrics have the lag as their step."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from mlflow.entities import Metric

from harness.inspection_record import Inspection
from harness.tracking import tags as names
from harness.tracking.derived_runs import DerivedRun, bring_up_to_date
from harness.tracking.mlflow_runs import experiment_of
from harness.tracking.run_codec import GRADIENTS
from harness.tracking.store import Store
from harness.tracking.tags import Kind, equals


def write_inspections(store: Store, inspections: Sequence[Inspection]) -> None:
    """Writes each inspection, or brings it up to date.

    Metrics: `gradient_by_lag` and `gradient_by_lag_at_start`, the norm of the gradient with respect to an input that
    many steps back; `state_by_lag`, that of the derivative of the state; `decoded_by_lag` and its chance, the accuracy
    of a probe that many steps before the end.
    """
    for one in inspections:
        query = equals(names.INSPECTED, one.identity)
        derived = DerivedRun(
            kind=Kind.INSPECTION,
            name=f"inspection of {one.label} seed={one.seed}",
            label=one.label,
            points=_points(one),
            params={"label": one.label, "length": one.length, "seed": one.seed},
            tags={names.INSPECTED: one.identity},
            source="harness inspect",
        )
        experiment_id = store.task_experiment(one.task_label)
        bring_up_to_date(store, experiment_id, experiment_of(one.task_label), query, [derived])


def write_gradients(store: Store, run_id: str, gradients: Mapping[str, float]) -> None:
    """Adds what was found of a run's gradients to its record."""
    now = int(time.time() * 1000)
    store.log(run_id, [Metric(f"{GRADIENTS}{name}", value, now, 0) for name, value in gradients.items()])


def _points(one: Inspection) -> dict[str, dict[int, float]]:
    points = {
        "gradient_by_lag": _forward(one.trained.lags, one.trained.norms),
        "gradient_by_lag_at_start": _forward(one.start.lags, one.start.norms),
    }
    if one.state:
        points["state_by_lag"] = _forward(one.state.lags, one.state.norms)
    if one.decoded and one.decoded.steps:
        lags = [one.decoded.steps[-1] - step for step in one.decoded.steps]
        points["decoded_by_lag"] = _forward(lags, one.decoded.accuracies)
        points["decoded_by_lag.chance"] = _forward(lags, one.decoded.chances)
    return points


def _forward(lags: Sequence[int], values: Sequence[float]) -> dict[int, float]:
    """MLflow's steps count from 0: inputs after the scored step are left out."""
    return {lag: value for lag, value in zip(lags, values, strict=True) if lag >= 0}
