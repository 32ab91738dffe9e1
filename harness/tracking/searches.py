"""Searches in MLflow: one run a study (tag `harness.kind` = `search`), with the best setting, curves and files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag

from harness.analysis.colours import colour
from harness.errors import HarnessError
from harness.search_record import Found, read
from harness.tracking import dashboard
from harness.tracking.connect import failures_told
from harness.tracking.store import Store
from harness.tracking.sweep_log import RecordedSweep

_CHUNK = 7500  # characters: MLflow's tags end at 8000
_SEARCHES = "tags.`harness.kind` = 'search'"


def keep(store: Store, one: Found, files: Sequence[Path]) -> None:
    """Writes what a study has found, in place of what was written of it before, and prepares MLflow's view of it.

    What was written before is marked as deleted, and stays for the sweeps that used it.
    """
    text = one.to_json()
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    of_study = f"{_SEARCHES} and tags.`harness.study` = '{one.study}'"
    before = {run.info.run_id: run.data.tags for run in store.search(one.task_label, of_study)}
    if all(tags.get("harness.drawn") != digest for tags in before.values()):
        _write(store, one, text, digest, files)
        with failures_told(store.uri):
            for run_id in before:
                store.client.delete_run(run_id)
    with failures_told(store.uri):
        experiment = store.experiment(one.task_label)
        store.client.set_experiment_tag(experiment, "harness.written", str(time.time_ns()))
        view = f"mlflow.sharedViewState.{dashboard.VIEW}"
        store.client.set_experiment_tag(experiment, view, dashboard.search_state())


def kept(store: Store, task_label: str) -> Iterator[tuple[str, Found]]:
    """MLflow id of each search on a task, and what it found; newest first."""
    for run in store.search(task_label, _SEARCHES):
        if one := _found(run):
            yield run.info.run_id, one


def used(store: Store, sweep: RecordedSweep) -> list[Found]:
    """The searches whose settings a sweep ran at, as they were then; none where another version recorded it."""
    found = []
    with suppress(HarnessError), failures_told(store.uri):
        for values in sweep.asked().tuned.values():
            found.append(_found(store.client.get_run(values["search"])))
    return [one for one in found if one]


def _found(run: Run) -> Found | None:
    text = "".join(value for key, value in sorted(run.data.tags.items()) if key.startswith("harness.found."))
    with suppress(TypeError, ValueError, KeyError):  # of another version, or being written
        return read(text)
    return None


def _write(store: Store, one: Found, text: str, digest: str, files: Sequence[Path]) -> None:
    tags = {
        "harness.kind": "search",
        "harness.sweep": one.study,
        "harness.study": one.study,
        "mlflow.runColor": colour(one.label),
    }
    run_id = store.create(one.task_label, f"{one.label} search {one.study}", tags)
    params = {"label": one.label, "architecture": one.architecture, **one.values, **one.counts, "storage": one.storage}
    scores = [trial.score for trial in one.trials]
    curves = {
        "score_by_trial": scores,
        "best_by_trial": accumulate(scores, max if one.maximises else min),
        "expected_best_by_trials": one.expected_best,
    }
    now = int(time.time() * 1000)
    points = [Metric(name, v, now, step) for name, curve in curves.items() for step, v in enumerate(curve, start=1)]
    parts = [text[begin : begin + _CHUNK] for begin in range(0, len(text), _CHUNK)]
    store.log(run_id, points, [Param(key, str(value)) for key, value in params.items()], [])
    with failures_told(store.uri):
        for path in files:
            store.client.log_artifact(run_id, str(path))
        for number, part in enumerate(parts):
            store.client.set_tag(run_id, f"harness.found.{number:03}", part)
        store.client.log_batch(run_id, tags=[RunTag("harness.drawn", digest)])
        store.client.set_terminated(run_id, "FINISHED")
