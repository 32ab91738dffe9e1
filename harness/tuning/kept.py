"""Searches in MLflow: one run a study (tag `harness.kind` = `search`), with the best setting, curves and files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag

from harness import dashboard
from harness.build import full_name
from harness.colours import colour
from harness.errors import UsageError
from harness.spec import SweepSpec, display_name
from harness.store import failures_told
from harness.track import Store
from harness.tuning.found import Found, like, read
from harness.tuning.shown import best_so_far, expected_best, scores
from harness.tuning.study import Study
from harness.variants import task_variants

_CHUNK = 7500  # characters: MLflow's tags end at 8000
_SEARCHES = "tags.`harness.kind` = 'search'"


def keep(store: Store, study: Study, one: Found, files: Sequence[Path]) -> None:
    """Writes what a study has found, in place of what was written of it before."""
    text = one.to_json()
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    of_study = f"{_SEARCHES} and tags.`harness.study` = '{study.digest}'"
    before = {run.info.run_id: run.data.tags for run in store.search(one.task_label, of_study)}
    if all(tags.get("harness.drawn") != digest for tags in before.values()):
        _write(store, study, one, text, digest, files)
        with failures_told(store.uri):
            for run_id in before:
                store.client.delete_run(run_id)
    with failures_told(store.uri):
        experiment = store.experiment(one.task_label)
        store.client.set_experiment_tag(experiment, "harness.written", str(time.time_ns()))
        view = f"mlflow.sharedViewState.{dashboard.VIEW}"
        store.client.set_experiment_tag(experiment, view, dashboard.search_state())


def with_tuned(sweep: SweepSpec, store: Store, unlike: bool) -> tuple[SweepSpec, dict[str, Found]]:
    """The sweep at the settings that searches found, on seeds they have not seen; UsageError where it is not fair.

    `unlike`: budgets and spaces may differ.
    """
    searches = {
        f"{name} on {task.label}": _newest(store, name, task.label, sweep.params)
        for name in dict.fromkeys(map(full_name, sweep.architectures))
        for typed in sweep.tasks
        for task in task_variants(typed, {k: v for k, v in sweep.options.items() if _is_of(typed, k)})
    }
    _refuse_unlike(list(searches.values()), unlike)
    _refuse_set_twice(sweep, searches)
    fresh = max(one.fresh_seed for one in searches.values())
    if 0 < sweep.first_seed < fresh:
        raise UsageError(
            f"Seeds up to {fresh - 1} were used to choose the settings: --first-seed {fresh}, or leave it out."
        )
    tuned = {key: {**one.settings, "tuned": one.told_budget} for key, one in searches.items()}
    params = next(iter(searches.values())).params
    return replace(sweep, tuned=tuned, params=params, first_seed=max(fresh, sweep.first_seed)), searches


def _write(store: Store, study: Study, one: Found, text: str, digest: str, files: Sequence[Path]) -> None:
    tags = {
        "harness.kind": "search",
        "harness.sweep": study.digest,
        "harness.study": study.digest,
        "mlflow.runColor": colour(one.label),
    }
    run_id = store.create(one.task_label, f"{one.label} search", tags)
    params = {"label": one.label, "architecture": one.architecture, **one.values, **one.counts, "storage": one.storage}
    now, values = int(time.time() * 1000), scores(study, study.ended())
    curves = {
        "score_by_trial": values,
        "best_by_trial": best_so_far(values, study.maximises),
        "expected_best_by_trials": expected_best(values, study.maximises),
    }
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


def _newest(store: Store, name: str, task_label: str, params: int | None) -> Found:
    """The newest search of an architecture on a task, at a number of parameters where that is asked."""
    others = set()
    for run in store.search(task_label, _SEARCHES):
        tags: Mapping[str, Any] = run.data.tags
        text = "".join(value for key, value in sorted(tags.items()) if key.startswith("harness.found."))
        with suppress(TypeError, ValueError):  # of another version, or being written
            one = read(text)
            if display_name(one.architecture) == display_name(name):
                if params in (None, one.params):
                    return one
                others.add(one.params)
    size = f" --params {params}" if params else ""
    also = f" (it was tuned at {', '.join(map(str, others))} parameters)" if others else ""
    raise UsageError(
        f"{store.uri} holds no tuned setting of {display_name(name)} on {task_label}{size}{also}:\n"
        f"harness tune --arch {name} --task {task_label.split()[0]}{size}"
    )


def _refuse_unlike(searches: Sequence[Found], unlike: bool) -> None:
    """Settings that took more trials to find, or a wider space, are no comparison of architectures."""
    first, *others = searches
    for other in others:
        sizes = "parameters" if first.params != other.params else ""
        differences = like(first, other) if other.task_label == first.task_label else []
        if sizes or (differences and not unlike):
            way_out = "Tune both alike, or compare them nevertheless with --tuned any."
            what = "; ".join(differences[:3]) + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")
            raise UsageError(f"{first.label} and {other.label} were not tuned alike: {what}.\n{way_out}")


def _refuse_set_twice(sweep: SweepSpec, searches: Mapping[str, Found]) -> None:
    for one in searches.values():
        typed = [*sweep.settings, *sweep.options]
        twice = [key for key in one.values if key in typed or key.partition(".")[2] in typed]
        if twice:
            raise UsageError(f"{twice[0]} of {one.label} was tuned: leave out its own value, or --tuned.")


def _is_of(task: str, name: str) -> bool:
    return bool(_options(task, name))


def _options(task: str, name: str) -> list[str]:
    from harness import registry
    from harness.options import options_of

    plugin = registry.find("task", task)
    return [key for key in options_of(plugin.load()) if name in (key, f"{plugin.name}.{key}")]
