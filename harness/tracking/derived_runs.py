"""Runs of MLflow that show something computed from records: curves, summaries, searches, measurements."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mlflow.entities import Metric

from harness.analysis.colours import colour
from harness.tracking import tags as names
from harness.tracking.mlflow_runs import MlflowRuns
from harness.tracking.tags import Kind

Points = Mapping[str, Mapping[int, float]]
"""Values by metric and step."""


@dataclass(frozen=True)
class DerivedRun:
    """What one derived run is to hold."""

    kind: Kind
    name: str
    label: str  # of the architecture, which decides the colour
    points: Points
    params: Mapping[str, object]
    tags: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)  # by tag, of any length
    files: tuple[Path, ...] = ()
    status: str = "FINISHED"
    source: str = "harness run"

    @cached_property
    def digest(self) -> str:
        """Of all that is shown but for the files: two derived runs with the same one are the same."""
        points = {metric: sorted(values.items()) for metric, values in self.points.items()}
        params = {key: str(value) for key, value in self.params.items()}
        content = [self.kind, self.name, points, params, dict(self.tags), dict(self.texts)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def bring_up_to_date(
    store: MlflowRuns, experiment_id: str, experiment: str, query: str, wanted: list[DerivedRun]
) -> None:
    """Makes the derived runs that this query finds equal to the wanted ones.

    A run that is there already is left alone; another one is replaced and not changed, since MLflow keeps every value
    that a point ever had. The old ones are deleted last, so that an interrupted call leaves too many and never too few.
    """
    there = {run.info.run_id: run.data.tags.get(names.DIGEST, "") for run in store.search(experiment, query)}
    write_derived(store, experiment_id, (run for run in wanted if run.digest not in there.values()))
    digests = {run.digest for run in wanted}
    for run_id, digest in there.items():
        if digest not in digests:
            store.delete(run_id)


def write_derived(store: MlflowRuns, experiment_id: str, runs: Iterable[DerivedRun]) -> None:
    """Writes derived runs. The digest comes last: a run that was interrupted is replaced."""
    for derived in runs:
        tags = {**derived.tags, names.KIND: derived.kind, names.RUN_COLOR: colour(derived.label)}
        run_id = store.create(experiment_id, derived.name, tags, derived.source)
        now = int(time.time() * 1000)
        metrics = [
            Metric(metric, float(value), now, step)
            for metric, values in derived.points.items()
            for step, value in values.items()
        ]
        texts = [names.long_text(tag, text) for tag, text in derived.texts.items()]
        store.log(run_id, metrics, derived.params, {key: text for parts in texts for key, text in parts.items()})
        for file in derived.files:
            store.attach(run_id, file)
        store.terminate(run_id, derived.status)
        store.set_tag(run_id, names.DIGEST, derived.digest)
