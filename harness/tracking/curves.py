"""Accuracy against length in MLflow: curves and summaries, derived from the records of a sweep.

A *curve* is one architecture, variant and seed; its metric `accuracy_by_length` has the sequence length as its step,
which is how MLflow draws it without a setting. Chance is a curve too. A *summary* is one architecture and variant over
its seeds: mean, interval, share solved, horizon.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from harness.analysis.aggregation import summarise
from harness.analysis.summary import ArchitectureSummary
from harness.process.gc_tuning import no_collection
from harness.record import Record
from harness.report import Results
from harness.spec import RunSpec
from harness.tracking import dashboard
from harness.tracking import tags as names
from harness.tracking.derived_runs import DerivedRun, bring_up_to_date
from harness.tracking.mlflow_runs import experiment_of
from harness.tracking.run_codec import SCORES, params_of
from harness.tracking.store import Store
from harness.tracking.tags import Kind, both, differs, equals

_Points = dict[str, dict[int, float]]
"""Values by metric and step."""


@no_collection()
def write_curves(store: Store, records: Iterable[Record], sweep: str) -> None:
    """Makes the curves and summaries of a sweep, or brings them up to date."""
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status != "interrupted":
            by_task[record.spec.task_label].append(record)
    for label, members in by_task.items():
        experiment_id = store.task_experiment(label)
        query = both(differs(names.KIND, Kind.RUN), equals(names.SWEEP, sweep))
        bring_up_to_date(store, experiment_id, experiment_of(label), query, list(_wanted(members, sweep)))
        store.mark_written(experiment_id, dashboard.VIEW, dashboard.view_state(sweep))


def _wanted(records: list[Record], sweep: str) -> Iterator[DerivedRun]:
    tags = {names.SWEEP: sweep}
    for label in dict.fromkeys(record.spec.label for record in records):
        members = [record for record in records if record.spec.label == label]
        if all(record.status == "refused" for record in members):
            continue
        for seed in dict.fromkeys(record.spec.seed for record in members):
            one = [record for record in members if record.spec.seed == seed]
            params = _shared_params(one[0].spec) | {"seed": seed}
            yield DerivedRun(Kind.CURVE, f"{label} seed={seed}", label, _curve(one), params, tags)
    for architecture in summarise(Results(records)).tasks[0].ran:
        label = architecture.label
        spec = next(record.spec for record in records if record.spec.label == label)
        points = _summary(architecture)
        yield DerivedRun(Kind.SUMMARY, f"{label} over seeds", label, points, _shared_params(spec), tags)
    chance = {length: value for record in records for length, value in record.chances.items()}
    params = {"label": "chance", "architecture": "chance"}
    yield DerivedRun(Kind.CURVE, "chance", "chance", {"accuracy_by_length": chance}, params, tags)


def _shared_params(spec: RunSpec) -> dict[str, object]:
    """The settings that all runs of a curve share."""
    return {key: value for key, value in params_of(spec).items() if key not in ("length", "seed")}


def _curve(records: Sequence[Record]) -> _Points:
    """One seed. A failed run counts as chance."""
    points: _Points = defaultdict(dict)
    for record in records:
        for length in record.spec.points:
            for name, value in _values(record, length).items():
                if value is not None:
                    points[f"{name}_by_length"][length] = value
        if record.spec.test_lengths:
            trained = f"accuracy_by_test_length.trained_at_{record.spec.length_text}"
            points[trained] = {other: scores.accuracy for other, scores in record.scores.items()}
    return points


def _values(record: Record, length: int) -> dict[str, float | None]:
    """What one run adds to the curves at one length."""
    values: dict[str, float | None] = {"accuracy": record.score_at(length), "chance": record.chances.get(length)}
    values["steps_to_solve"] = record.steps_to_solve  # None, and no point, where training did not reach the threshold
    if record.status == "ok":
        values |= {name: getattr(record.scores[length], name) for name in SCORES}
        values["seconds"] = record.seconds
    return values


def _summary(one: ArchitectureSummary) -> _Points:
    """All seeds: the mean with its interval, the range where seeds are too few for one or differ too much."""
    points: _Points = defaultdict(dict)
    for length, at in one.lengths.items():
        points["accuracy_mean_by_length"][length] = at.mean
        points["solved_share_by_length"][length] = at.solving / at.seeds
        spread = at.interval or at.range
        if spread:
            points["accuracy_low_by_length"][length], points["accuracy_high_by_length"][length] = spread
    points["horizon"][0] = one.horizon or 0
    if len(one.horizons) > 1:
        points["horizon_low"][0] = min(one.horizons.values())
        points["horizon_high"][0] = max(one.horizons.values())
    return points
