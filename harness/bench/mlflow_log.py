"""Measurements in MLflow: a run for each architecture (tag `harness.kind` = `bench`), in an experiment of their own."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict

from mlflow.entities import Metric, Param, RunTag

from harness.analysis.colours import colour
from harness.bench.measurement import Measured
from harness.bench_record import Row
from harness.tracking.connect import artifact_location, failures_told
from harness.tracking.store import Store

_EXPERIMENT = "speed-harness"  # not 'harness-...': that is what tasks are called
_DRAWN = ("seconds", "tokens_per_second", "flops_per_second", "memory")
_KINDS = "tags.`harness.kind` = 'bench'"
_NEWEST = 200  # runs that are looked at


def keep(store: Store, measured: Measured, name: str) -> None:
    """Writes a sitting: curves over length, rows, and all samples as a file."""
    with failures_told(store.uri):
        experiment = _experiment(store)
        for label in dict.fromkeys(row.label for row in measured.rows):
            _write(store, experiment, measured, label, name)


def kept(store: Store, labels: Iterable[str]) -> list[Row]:
    """The rows of the newest sitting of each architecture."""
    wanted = set(labels)
    with failures_told(store.uri):
        found = store.client.get_experiment_by_name(_EXPERIMENT)
        if not found:
            return []
        runs = store.client.search_runs([found.experiment_id], _KINDS, max_results=_NEWEST)
    rows: list[Row] = []
    for run in runs:
        tags = run.data.tags
        if tags.get("harness.label") in wanted:
            with suppress(ValueError, TypeError):  # of another version
                rows += list(_rows(tags))
                wanted.discard(tags["harness.label"])
    return rows


def _rows(tags: dict[str, str]) -> Iterator[Row]:
    for key in sorted(tags):
        if key.startswith("harness.bench."):
            yield Row(**json.loads(tags[key]))


def _experiment(store: Store) -> str:
    found = store.client.get_experiment_by_name(_EXPERIMENT)
    if found:
        return str(found.experiment_id)
    return str(store.client.create_experiment(_EXPERIMENT, artifact_location=artifact_location(store.uri)))


def _write(store: Store, experiment: str, measured: Measured, label: str, name: str) -> None:
    rows = [row for row in measured.rows if row.label == label]
    spec = next(spec for spec in measured.request.specs if spec.label == label)
    tags = {"harness.kind": "bench", "harness.label": label, "mlflow.runColor": colour(label),
            "mlflow.source.name": "harness bench"}  # fmt: skip
    run_id = store.client.create_run(experiment, tags=tags, run_name=f"{label} {name}".strip()).info.run_id
    now = int(time.time() * 1000)
    points = [
        Metric(f"{row.kind}.{key}_by_length", float(value), now, row.length)
        for row in rows
        for key in _DRAWN
        if (value := getattr(row, key)) is not None and not math.isnan(value)
    ]
    settings = {"label": label, "task": spec.task_label, "batch_size": spec.batch_size, "hidden_size": spec.hidden_size,
                "precision": spec.precision, "execution": spec.execution, "kernel": rows[0].kernel,
                **measured.environment}  # fmt: skip
    written = [RunTag(f"harness.bench.{row.kind}.{row.length:07}", _json(row)) for row in rows]
    store.log(run_id, points, [Param(key, str(value)) for key, value in settings.items()], [])
    for begin in range(0, len(written), 100):  # MLflow's most in one call
        store.client.log_batch(run_id, tags=written[begin : begin + 100])
    mine = {key: [[turn.seconds for turn in turns] for turns in processes]
            for key, processes in measured.turns.items() if key.startswith(f"{label}|")}  # fmt: skip
    store.client.log_text(run_id, json.dumps(mine), "samples.json")
    failed = all(row.reason for row in rows)
    store.client.set_terminated(run_id, "FAILED" if failed else "FINISHED")


def _json(row: Row) -> str:
    return json.dumps({key: value for key, value in asdict(row).items() if value == value})  # without what is no number
