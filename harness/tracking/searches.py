"""Searches in MLflow: one derived run for each study, with the best setting, curves over trials, and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from mlflow.entities import Run

from harness.errors import HarnessError
from harness.search_record import SearchRecord
from harness.tracking import dashboard
from harness.tracking import tags as names
from harness.tracking.derived_runs import DerivedRun, bring_up_to_date
from harness.tracking.mlflow_runs import experiment_of
from harness.tracking.store import Store
from harness.tracking.sweep_log import RecordedSweep
from harness.tracking.tags import Kind, both, equals

_SEARCHES = equals(names.KIND, Kind.SEARCH)


class StoredSearch(NamedTuple):
    """A search and the MLflow run that holds it."""

    run_id: str
    search: SearchRecord


def write_search(store: Store, search: SearchRecord, files: Sequence[Path]) -> None:
    """Writes the result of a study in place of an earlier one, and prepares MLflow's view of it.

    The earlier one is marked as deleted: sweeps that used it still find it by its id.
    """
    experiment_id = store.task_experiment(search.task_label)
    query = both(_SEARCHES, equals(names.STUDY, search.study))
    bring_up_to_date(store, experiment_id, experiment_of(search.task_label), query, [_derived(search, files)])
    store.mark_written(experiment_id, dashboard.VIEW, dashboard.search_state())


def load_searches(store: Store, task_label: str) -> Iterator[StoredSearch]:
    """The searches on a task, newest first."""
    for run in store.search(experiment_of(task_label), _SEARCHES):
        search = _read(run)
        if search:
            yield StoredSearch(run.info.run_id, search)


def load_used_searches(store: Store, sweep: RecordedSweep) -> list[SearchRecord]:
    """The searches whose settings a sweep used, as they were then; none where another version recorded it."""
    found = []
    with suppress(HarnessError):
        for tuned in sweep.spec().tuned:
            found.append(_read(store.load_run(tuned.search_run)))
    return [search for search in found if search]


def _read(run: Run) -> SearchRecord | None:
    """None for a search of another version, or one that is unfinished or damaged."""
    with suppress(TypeError, ValueError, KeyError, AttributeError):
        return SearchRecord.from_json(names.read_long_text(run.data.tags, names.SEARCH))
    return None


def _derived(search: SearchRecord, files: Sequence[Path]) -> DerivedRun:
    scores = [trial.score for trial in search.trials]
    curves = {
        "score_by_trial": scores,
        "best_by_trial": list(accumulate(scores, max if search.maximises else min)),
        "expected_best_by_trials": search.expected_best,
    }
    return DerivedRun(
        kind=Kind.SEARCH,
        name=f"{search.label} search {search.study}",
        label=search.label,
        points={name: dict(enumerate(curve, start=1)) for name, curve in curves.items()},
        params={
            "label": search.label,
            "architecture": search.label,
            **search.values,
            **search.counts,
            "storage": search.storage,
        },
        tags={names.SWEEP: search.study, names.STUDY: search.study},
        texts={names.SEARCH: search.to_json()},
        files=tuple(files),
        source="harness tune",
    )
