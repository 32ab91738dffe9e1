"""A session of measurements goes to the store: the rows, settings and samples of each architecture."""

from __future__ import annotations

from harness.bench.measurement import Measurement
from harness.tracking.measurements import write_measurement
from harness.tracking.store import Store


def write_measured(store: Store, measured: Measurement, name: str) -> None:
    """Writes a session under a name that may be ''."""
    for label in dict.fromkeys(row.label for row in measured.rows):
        rows = [row for row in measured.rows if row.label == label]
        spec = next(spec for spec in measured.request.specs if spec.label == label)
        settings = {
            "task": spec.task_label,
            "batch_size": spec.batch_size,
            "hidden_size": spec.hidden_size,
            "precision": spec.precision,
            "execution": spec.execution,
            "kernel": rows[0].kernel,
            **measured.environment,
        }
        samples = {
            key: [[turn.seconds for turn in turns] for turns in processes]
            for key, processes in measured.turns.items()
            if key.startswith(f"{label}|")
        }
        write_measurement(store, name, rows, settings, samples)
