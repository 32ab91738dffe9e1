"""Results of a sweep from a store: what reports and notebooks are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.discovery.bibliography import bibliography
from harness.discovery.references import references
from harness.process.gc_tuning import no_collection
from harness.report import Results
from harness.tracking.measurements import load_measurements
from harness.tracking.outdated import outdated_runs
from harness.tracking.searches import load_used_searches
from harness.tracking.store import StoredRecord, existing
from harness.tracking.sweep_status import load_status


@no_collection()
def load_results(
    sweep: str | None = None,
    tracking_uri: str | None = None,
    learning_curves: bool = False,
    known: Sequence[StoredRecord] = (),
) -> Results:
    """Everything that a store holds of a sweep, as far as it has come.

    `sweep`: its name, or how that begins, or the name it was given; None: the newest. `tracking_uri`: None for
    MLFLOW_TRACKING_URI, else mlflow.db in the working folder. Raises HarnessError where there is no such sweep.
    `known`: records that were read just now.
    """
    store = existing(tracking_uri)
    status = load_status(store, sweep, learning_curves, known)
    results = status.results()
    return replace(
        results,
        references=references(results.records),
        bibtex=bibliography(results.records),
        outdated=outdated_runs(results.records),
        searches=load_used_searches(store, status.sweep),
        speeds=load_measurements(store, {record.spec.label for record in results.records}),
    )
