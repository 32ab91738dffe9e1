"""Records in MLflow: written, found and read back. Only the driver writes; runs are flat, one experiment a task.

Two kinds of MLflow run (tag `harness.kind`). A *cell* is one training with its learning curve; it holds the record.
A *curve* is made from the cells of one architecture, variant and seed: its metric `accuracy_by_length` has the sequence
length as its step, which MLflow draws without being asked. Chance is a curve of its own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient

from harness import dashboard
from harness.colours import colour
from harness.errors import HarnessError, UsageError, unknown
from harness.record import CurvePoint, Record, Scores, Status
from harness.spec import RunSpec
from harness.store import artifact_location, failures_told, opened

_TAG_LENGTH = 8000  # MLflow's limit
_MLFLOW_STATUS = {"ok": "FINISHED", "skipped": "FINISHED", "interrupted": "KILLED"}  # else FAILED
_WHOLE = ("steps", "steps_to_solve", "steps_per_sequence", "state_size")
_NUMBERS = (*_WHOLE, "seconds", "tokens_per_second", "solved_at")
_SCORES = ("accuracy", "loss", "exact_match")
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _told(method: Callable[Concatenate[Store, _P], _T]) -> Callable[Concatenate[Store, _P], _T]:
    """A method of the store whose failures are StoreFailed."""

    @wraps(method)
    def telling(self: Store, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        with failures_told(self.uri):
            return method(self, *args, **kwargs)

    return telling


class Store:
    """Where records are kept: an MLflow tracking store, by its address."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client: MlflowClient = opened(uri)
        self._experiments: dict[str, str] = {}

    @_told
    def experiment(self, task_label: str) -> str:
        """The id of a task's experiment, made (with its chart view) where there is none."""
        if task_label not in self._experiments:
            name = f"harness-{task_label}"
            found = self.client.get_experiment_by_name(name)
            self._experiments[task_label] = found.experiment_id if found else self._create(name)
        return self._experiments[task_label]

    @_told
    def newest_experiment(self, task_label: str | None = None) -> str:
        """The id of a task's experiment, or of the one that was written last; HarnessError if there is none."""
        found = [e for e in self.client.search_experiments() if e.name.startswith("harness-")]
        names = [experiment.name.removeprefix("harness-") for experiment in found]
        if not found:
            raise HarnessError(f"{self.uri} holds no records yet: harness run --arch lstm --task copy")
        if task_label is None:
            return str(max(found, key=lambda e: int(e.tags.get("harness.written", 0))).experiment_id)
        if task_label not in names:
            raise UsageError(unknown("recorded task", task_label, names))
        return str(found[names.index(task_label)].experiment_id)

    @_told
    def start(self, spec: RunSpec, sweep: str) -> str:
        """Makes the cell run of a training that begins now (status RUNNING); returns its MLflow id."""
        tags = {
            "harness.kind": "cell",
            "harness.sweep": sweep,
            "harness.identity": spec.identity,
            "harness.curve": spec.curve,
            "harness.spec": spec.to_json(),
            "mlflow.runColor": colour(spec.label),
            "mlflow.source.name": "harness run",
        }
        name = f"{spec.label} T={spec.length} seed={spec.seed}"
        run = self.client.create_run(self.experiment(spec.task_label), tags=tags, run_name=name)
        return str(run.info.run_id)

    @_told
    def finish(self, run_id: str, record: Record) -> None:
        """Writes a record; its status comes last, so that a record half written never passes for a whole one."""
        now = int(time.time() * 1000)
        params = [Param(key, str(value)[:6000]) for key, value in _params(record.spec).items()]
        self.client.log_batch(run_id, metrics=_metrics(record, now), params=params, tags=_tags(record))
        self.client.set_tag(run_id, "harness.status", record.status)
        self.client.set_terminated(run_id, _MLFLOW_STATUS.get(record.status, "FAILED"))

    def records(self, task_labels: Iterable[str]) -> Iterator[tuple[str, Record]]:
        """MLflow id and record (without its learning curve) of every ended cell run, newest first."""
        for label in task_labels:
            for run in self._search(self.experiment(label), "tags.`harness.kind` = 'cell'"):
                if "harness.status" in run.data.tags:
                    with suppress(ValueError, KeyError, TypeError):  # of another version: it is no run of today's plans
                        yield run.info.run_id, _record(run)

    @_told
    def learning_curve(self, run_id: str) -> list[CurvePoint]:
        """The learning curve of one cell run."""
        columns = [
            {metric.step: metric.value for metric in self.client.get_metric_history(run_id, name)}
            for name in ("train_loss", "validation_loss", "validation_accuracy")
        ]
        return [CurvePoint(step, *(column[step] for column in columns)) for step in sorted(columns[0])]

    @_told
    def write_curves(self, cells: dict[str, Record], sweep: str) -> None:
        """Brings the curve runs of the given cells (by MLflow id) up to date, and chance's."""
        by_curve: dict[str, dict[str, Record]] = {}
        for run_id, record in cells.items():
            if record.status == "ok":
                by_curve.setdefault(record.spec.curve, {})[run_id] = record
        for curve, members in by_curve.items():
            self._write_curve(curve, members, sweep)
        for label in {record.spec.task_label for record in cells.values()}:
            self._write_chance(label, [r for r in cells.values() if r.spec.task_label == label], sweep)
            self.client.set_experiment_tag(self.experiment(label), "harness.written", str(time.time_ns()))
            view = dashboard.view_state(sweep)
            self.client.set_experiment_tag(self.experiment(label), f"mlflow.sharedViewState.{dashboard.VIEW}", view)

    def _create(self, name: str) -> str:
        return str(self.client.create_experiment(name, artifact_location=artifact_location(self.uri)))

    def _search(self, experiment_id: str, query: str) -> Iterator[Run]:
        token = None
        while True:
            with failures_told(self.uri):
                page = self.client.search_runs([experiment_id], query, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _write_curve(self, curve: str, members: dict[str, Record], sweep: str) -> None:
        """A length already there is never logged again: MLflow would keep both points."""
        spec = next(iter(members.values())).spec
        run_id, drawn = self._curve_run(spec.task_label, curve, spec.label, f"{spec.label} seed={spec.seed}")
        wanted = {str(record.spec.length): cell for cell, record in members.items()}
        if any(drawn.get(length, cell) != cell for length, cell in wanted.items()):
            self.client.delete_run(run_id)  # a cell was trained again
            run_id, drawn = self._curve_run(spec.task_label, curve, spec.label, f"{spec.label} seed={spec.seed}")
        now = int(time.time() * 1000)
        new = [record for cell, record in members.items() if str(record.spec.length) not in drawn]
        metrics = [metric for record in new for metric in _curve_metrics(record, now)]
        params = {**_params(spec), "length": "all"} if not drawn else {}
        tags = [RunTag("harness.cells", json.dumps({**drawn, **wanted})), RunTag("harness.sweep", sweep)]
        self.client.log_batch(run_id, metrics, [Param(k, str(v)) for k, v in params.items()], tags)
        self.client.set_terminated(run_id, "FINISHED")

    def _write_chance(self, task_label: str, records: list[Record], sweep: str) -> None:
        run_id, drawn = self._curve_run(task_label, "chance", "chance", "chance")
        now = int(time.time() * 1000)
        chance = {length: value for record in records for length, value in record.chances.items()}
        new = {length: value for length, value in chance.items() if str(length) not in drawn}
        metrics = [Metric("accuracy_by_length", value, now, length) for length, value in sorted(new.items())]
        params = [] if drawn else [Param("label", "chance"), Param("architecture", "chance")]
        drawn |= dict.fromkeys(map(str, new), "chance")
        tags = [RunTag("harness.cells", json.dumps(drawn)), RunTag("harness.sweep", sweep)]
        self.client.log_batch(run_id, metrics, params, tags)
        self.client.set_terminated(run_id, "FINISHED")

    def _curve_run(self, task_label: str, curve: str, label: str, name: str) -> tuple[str, dict[str, str]]:
        """The curve run of an identity, made if need be, and the cells drawn in it so far, by length."""
        experiment = self.experiment(task_label)
        query = f"tags.`harness.kind` = 'curve' and tags.`harness.curve` = '{curve}'"
        for run in self._search(experiment, query):
            return run.info.run_id, json.loads(run.data.tags.get("harness.cells", "{}"))
        tags = {"harness.kind": "curve", "harness.curve": curve, "mlflow.runColor": colour(label)}
        run = self.client.create_run(experiment, tags={**tags, "mlflow.source.name": "harness run"}, run_name=name)
        return run.info.run_id, {}


def _params(spec: RunSpec) -> dict[str, Any]:
    """Every resolved setting, flat, for MLflow's columns."""
    plain = {
        "architecture": spec.architecture,
        "label": spec.label,
        "task": spec.task,
        "length": spec.length,
        "seed": spec.seed,
    }
    skipped = {*plain, "architecture_options", "task_options", "asked", "task_label"}
    rest = {key: value for key, value in json.loads(spec.to_json()).items() if key not in skipped}
    options = {f"{spec.task_label.split()[0]}.{key}": value for key, value in spec.task_options.items()}
    return {**plain, **rest, **spec.architecture_options, **options}


def _metrics(record: Record, now: int) -> list[Metric]:
    values: dict[str, float | None] = {name: getattr(record, name) for name in _NUMBERS}
    values |= {f"parameters.{part}": count for part, count in record.parameters.items()}
    values["parameters"] = sum(record.parameters.values())
    suffixes = _suffixes(record.spec)
    for length, scores in record.scores.items():
        values |= {f"{name}{suffixes[length]}": getattr(scores, name) for name in _SCORES}
    values |= {f"chance{suffixes[length]}": chance for length, chance in record.chances.items()}
    metrics = [Metric(name, value, now, 0) for name, value in values.items() if value is not None]
    for point in record.curve:
        for name in ("train_loss", "validation_loss", "validation_accuracy"):
            metrics.append(Metric(name, getattr(point, name), now, point.step))
    return metrics


def _curve_metrics(record: Record, now: int) -> list[Metric]:
    length = record.spec.length
    scores = record.scores[length]
    values: dict[str, float | None] = {f"{name}_by_length": getattr(scores, name) for name in _SCORES}
    values["chance_by_length"] = record.chance
    values |= {"seconds_by_length": record.seconds, "steps_to_solve_by_length": record.steps_to_solve}
    metrics = [Metric(name, value, now, length) for name, value in values.items() if value is not None]
    for other, there in record.scores.items():
        if record.spec.test_lengths:
            metrics.append(Metric(f"accuracy_by_test_length.trained_at_{length}", there.accuracy, now, other))
    return metrics


def _tags(record: Record) -> list[RunTag]:
    tags = {f"harness.environment.{key}": value for key, value in record.environment.items()}
    tags["harness.asked"] = json.dumps(record.spec.asked)
    tags["harness.reason"] = record.reason[:_TAG_LENGTH]
    tags["harness.traceback"] = record.traceback[-_TAG_LENGTH:]
    return [RunTag(key, value) for key, value in tags.items() if value]


def _record(run: Run) -> Record:
    tags, metrics = run.data.tags, run.data.metrics
    spec = RunSpec.from_json(tags["harness.spec"])
    whole = {name: int(metrics[name]) for name in _WHOLE if name in metrics}
    prefix = "harness.environment."
    return Record(
        spec,
        identity=tags["harness.identity"],
        status=cast(Status, tags["harness.status"]),
        reason=tags.get("harness.reason", ""),
        traceback=tags.get("harness.traceback", ""),
        scores=_scores(spec, metrics),
        chances=_chances(spec, metrics),
        seconds=metrics.get("seconds", 0.0),
        tokens_per_second=metrics.get("tokens_per_second", 0.0),
        solved_at=metrics.get("solved_at", 1.0),
        parameters={k.removeprefix("parameters."): int(v) for k, v in metrics.items() if k.startswith("parameters.")},
        environment={k.removeprefix(prefix): v for k, v in tags.items() if k.startswith(prefix)},
        steps=whole.get("steps", 0),
        steps_to_solve=whole.get("steps_to_solve"),
        steps_per_sequence=whole.get("steps_per_sequence", 0),
        state_size=whole.get("state_size", 0),
    )


def _scores(spec: RunSpec, metrics: dict[str, float]) -> dict[int, Scores]:
    return {
        length: Scores(*(metrics[f"{name}{suffix}"] for name in _SCORES))
        for length, suffix in _suffixes(spec).items()
        if f"accuracy{suffix}" in metrics
    }


def _chances(spec: RunSpec, metrics: dict[str, float]) -> dict[int, float]:
    return {n: metrics[f"chance{suffix}"] for n, suffix in _suffixes(spec).items() if f"chance{suffix}" in metrics}


def _suffixes(spec: RunSpec) -> dict[int, str]:
    """By test length, what the names of its metrics end with: nothing at the length trained at."""
    return {length: "" if length == spec.length else f"_at_{length}" for length in (spec.length, *spec.test_lengths)}
