"""What a store holds: results of a sweep, a trained model, a look inside it; and the names of what is installed."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from harness.discovery import registry
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.inspection_results import InspectionResults
    from harness.analysis.sweep_results import SweepResults
    from harness.tracking.store import StoredRecord
    from harness.training.model import Model


def load_results(*, sweep: str | None = None, tracking_uri: str | None = None) -> SweepResults:
    """What a store holds of a sweep: of the newest one, or of the one with this name, as far as it has come.

    Raises HarnessError where there is no such sweep.
    """
    return sweep_results(sweep, tracking_uri)


def sweep_results(sweep: str | None, tracking_uri: str | None, known: Sequence[StoredRecord] = ()) -> SweepResults:
    """The same; `known`: records that were read just now."""
    from harness.analysis.sweep_results import SweepResults
    from harness.tracking import results
    from harness.training.task_text import task_texts

    found = results.load_results(sweep, tracking_uri, learning_curves=True, known=known)
    told = {field.name: getattr(found, field.name) for field in fields(found)}
    return SweepResults(**{**told, "tasks": task_texts(found.records)})


def load_model(run_id: str, *, tracking_uri: str | None = None) -> Model:
    """The trained model of a run, on the CPU, in evaluation mode: embedding, architecture and head.

    `run_id`: identity or MLflow id, or how one begins. Raises HarnessError where there is no such run, where it left no
    weights, or where the code of its plugins has changed.
    """
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_run
    from harness.training.weights import trained_model

    store = existing(tracking_uri)
    mlflow_id, record = find_run(store, run_id)
    weights = store.weights(mlflow_id)
    if weights is None:
        raise UsageError(
            f"Run {record.identity} has no weights: it ended with status {record.status!r}, or ran with "
            "keep_weights='none'. Run it again with keep_weights='all' and reuse='none'."
        )
    return trained_model(record.spec, weights)


def inspect_run(
    *run_ids: str, length: int | None = None, sequence: str = "", tracking_uri: str | None = None
) -> InspectionResults:
    """Looks into the models of runs, as `harness inspect RUN ...` does: gradients by lag, states, gates, decodability.

    `run_ids`: one, or several of one task and length, which are then compared. `length`: of the sequences; the one
    trained at by default. `sequence`: the one to show, in the task's own symbols. Raises HarnessError where there is no
    such run, or no weights of it.
    """
    from harness.analysis.inspection_results import InspectionResults
    from harness.inspection.inspection import inspect_run as look
    from harness.tracking.inspections import write_inspections
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_runs
    from harness.training.device import computing, pick

    store = existing(tracking_uri)
    found = find_runs(store, run_ids)
    with computing(pick("cpu")):
        inspections = [look(record, store.weights(run), length, sequence) for run, record in found]
    write_inspections(store, inspections)
    return InspectionResults([record for _, record in found], inspections=inspections, store=store.uri)


def list_architectures() -> list[str]:
    """The names of all installed architectures; nothing is imported."""
    return registry.names("architecture")


def list_tasks() -> list[str]:
    """The names of all installed tasks; nothing is imported."""
    return registry.names("task")
