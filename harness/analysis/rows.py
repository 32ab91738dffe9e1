"""Tidy rows of a sweep: one for each run, length tested at and metric. The CSV and the data frames are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from harness.analysis.aggregation import sound
from harness.record import Record
from harness.report import Results

PROVENANCE = ("ended", "machine", "harness", "torch", "git")
"""What is known of the origin of a run, in the order of `provenance`."""
COLUMNS = (
    "sweep",
    "identity",
    "task",
    "architecture",
    "seed",
    "trained_at",
    "status",
    "tested_at",
    "metric",
    "value",
    *PROVENANCE,
)
OF_A_RUN = ("solved_at", "steps_to_solve", "steps", "seconds", "tokens_per_second", "state_size", "steps_per_sequence")
"""Metrics of a run as a whole, beside `solved` and `parameters`."""
_MEASURED = ("seconds", "tokens_per_second", "steps_per_sequence")  # zero: it never came to that


def run_rows(results: Results) -> Iterator[tuple[object, ...]]:
    """The values of `COLUMNS`, of every run that ended, in the order of the plan; `tested_at` is '' for a whole run."""
    for record in results.records:
        spec = record.spec
        run = (results.title, record.identity or spec.identity, spec.task_label, spec.label, spec.seed, spec.length)
        origin = tuple(provenance(record).values())
        for tested_at, metric, value in _metrics(sound(record)):
            yield *run, record.status, tested_at, metric, value, *origin


def provenance(record: Record) -> dict[str, str]:
    """Date and time (UTC, ISO 8601), machine, versions and git revision; '' where not known."""
    known = record.environment
    ended = datetime.fromtimestamp(record.ended, UTC).isoformat(timespec="seconds") if record.ended else ""
    machine = known.get("device.name", "")
    values = (
        ended,
        machine,
        known.get("version.rnn-harness", ""),
        known.get("version.torch", ""),
        known.get("git", ""),
    )
    return dict(zip(PROVENANCE, values, strict=True))


def _metrics(record: Record) -> Iterator[tuple[int | str, str, float]]:
    for length in sorted(record.chances.keys() | record.scores.keys()):
        if length in record.scores:
            scores = asdict(record.scores[length]).items()
            yield from ((length, name, value) for name, value in scores if value is not None)
        if length in record.chances:
            yield length, "chance", record.chances[length]
        score = record.score_at(length) if length in record.spec.points else None
        if score is not None and record.status != "interrupted":
            yield length, "score", score
    values = {name: getattr(record, name) for name in OF_A_RUN} | {"solved": int(record.solved)}
    values["parameters"] = sum(record.parameters.values()) or None
    yield from (("", k, v) for k, v in values.items() if v is not None and not (k in _MEASURED and not v))
