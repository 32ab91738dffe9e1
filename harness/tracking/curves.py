"""Accuracy against length in MLflow: the runs that are drawn, made from the cells of a sweep.

A *curve* run (tag `harness.kind`) is one architecture, variant and seed; its metric `accuracy_by_length` has the
sequence length as its step, which MLflow draws without being asked. Chance is a curve of its own. A *summary* run is
one architecture and variant over its seeds: mean, interval, share solved, horizon.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mlflow.entities import Metric, Param

from harness.analysis.aggregation import summarise
from harness.analysis.colours import colour
from harness.analysis.summary import ArchitectureSummary
from harness.record import Record
from harness.report import Results
from harness.spec import RunSpec
from harness.tracking import dashboard
from harness.tracking.connect import failures_told
from harness.tracking.run_codec import SCORES, params_of
from harness.tracking.store import Store

_Points = dict[str, dict[int, float]]
"""Values by metric and step."""


@dataclass(frozen=True)
class _Drawn:
    """What one drawn run is to hold."""

    kind: str
    label: str
    name: str
    points: _Points
    spec: RunSpec | None = None  # whose settings it shows

    @property
    def digest(self) -> str:
        content = [self.kind, self.name, {metric: sorted(points.items()) for metric, points in self.points.items()}]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def write_curves(store: Store, records: Iterable[Record], sweep: str) -> None:
    """Makes what is drawn of a sweep, or brings it up to date."""
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status != "interrupted":
            by_task[record.spec.task_label].append(record)
    for label, members in by_task.items():
        with failures_told(store.uri):
            _bring_up_to_date(store, label, sweep, list(_wanted(members)))


def _bring_up_to_date(store: Store, task_label: str, sweep: str, wanted: list[_Drawn]) -> None:
    """What is there already is left alone; what differs is drawn anew: MLflow would keep both values of a point."""
    kinds = "tags.`harness.kind` != 'cell'"
    there = {run.data.tags.get("harness.drawn"): run.info.run_id for run in
             store.search(task_label, f"{kinds} and tags.`harness.sweep` = '{sweep}'")}  # fmt: skip
    digests = {drawn.digest for drawn in wanted}
    for digest, run_id in there.items():
        if digest not in digests:
            store.client.delete_run(run_id)
    for drawn in wanted:
        if drawn.digest not in there:
            _draw(store, task_label, sweep, drawn)
    experiment = store.experiment(task_label)
    store.client.set_experiment_tag(experiment, "harness.written", str(time.time_ns()))
    store.client.set_experiment_tag(experiment, f"mlflow.sharedViewState.{dashboard.VIEW}", dashboard.view_state(sweep))


def _draw(store: Store, task_label: str, sweep: str, drawn: _Drawn) -> None:
    """The digest is written last: a run cut short is drawn again."""
    now = int(time.time() * 1000)
    tags = {"harness.kind": drawn.kind, "harness.sweep": sweep, "mlflow.runColor": colour(drawn.label)}
    run_id = store.create(task_label, drawn.name, tags)
    metrics = [
        Metric(name, value, now, step) for name, points in drawn.points.items() for step, value in points.items()
    ]
    store.log(run_id, metrics, _params(drawn), [])
    store.client.set_terminated(run_id, "FINISHED")
    store.client.set_tag(run_id, "harness.drawn", drawn.digest)


def _params(drawn: _Drawn) -> list[Param]:
    """The settings that all of its cells share."""
    if drawn.spec is None:
        return [Param("label", drawn.label), Param("architecture", drawn.label)]
    shared = [param for param in params_of(drawn.spec) if param.key not in ("length", "seed")]
    return [*shared, *([Param("seed", str(drawn.spec.seed))] if drawn.kind == "curve" else [])]


def _wanted(records: list[Record]) -> Iterator[_Drawn]:
    for label in dict.fromkeys(record.spec.label for record in records):
        members = [record for record in records if record.spec.label == label]
        if all(record.status == "refused" for record in members):
            continue
        for seed in dict.fromkeys(record.spec.seed for record in members):
            one = [record for record in members if record.spec.seed == seed]
            yield _Drawn("curve", label, f"{label} seed={seed}", _curve(one), one[0].spec)
    for architecture in summarise(Results(records)).tasks[0].ran:
        label = architecture.label
        spec = next(record.spec for record in records if record.spec.label == label)
        yield _Drawn("summary", label, f"{label} over seeds", _summary(architecture), spec)
    chance = {length: value for record in records for length, value in record.chances.items()}
    yield _Drawn("curve", "chance", "chance", {"accuracy_by_length": chance})


def _curve(records: Sequence[Record]) -> _Points:
    """One seed: a failed run is at chance, one that did not solve its length took the whole budget."""
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
    values["steps_to_solve"] = record.steps_to_solve or record.spec.steps
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
