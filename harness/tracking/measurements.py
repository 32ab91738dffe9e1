"""What `harness bench` measured, in MLflow: a run for each architecture, in an experiment of their own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.bench_record import Row
from harness.process.temp_files import temp_prefix
from harness.tracking import tags as names
from harness.tracking.derived_runs import DerivedRun, write_derived
from harness.tracking.mlflow_runs import MEASUREMENTS
from harness.tracking.store import Store
from harness.tracking.tags import Kind, equals

_SHOWN = ("seconds", "tokens_per_second", "flops_per_second", "memory")  # as curves over length
_NEWEST = 200  # runs that are read


def write_measurement(
    store: Store, name: str, rows: Sequence[Row], settings: Mapping[str, object], samples: object
) -> None:
    """Writes the rows of one architecture, curves of them over length, and all samples (plain data) as a file."""
    points: dict[str, dict[int, float]] = {}
    for row in rows:
        for key in _SHOWN:
            value = getattr(row, key)
            if value is not None and not math.isnan(value):
                points.setdefault(f"{row.kind}.{key}_by_length", {})[row.length] = float(value)
    label = rows[0].label
    with TemporaryDirectory(prefix=temp_prefix("attach")) as folder:
        file = Path(folder) / "samples.json"
        file.write_text(json.dumps(samples), encoding="utf-8")
        measured = DerivedRun(
            kind=Kind.MEASUREMENT,
            name=f"{label} {name}".strip(),
            label=label,
            points=points,
            params={"label": label, **settings},
            tags={names.LABEL: label},
            texts={f"{names.MEASUREMENT}{row.kind}.{row.length:07}": _json(row) for row in rows},
            files=(file,),
            status="FAILED" if all(row.reason for row in rows) else "FINISHED",
            source="harness bench",
        )
        write_derived(store, store.experiment(MEASUREMENTS), [measured])


def load_measurements(store: Store, labels: Iterable[str]) -> list[Row]:
    """The rows of the newest measurement of each architecture."""
    wanted = set(labels)
    rows: list[Row] = []
    for run in store.search(MEASUREMENTS, equals(names.KIND, Kind.MEASUREMENT), newest=_NEWEST):
        tags = run.data.tags
        if tags.get(names.LABEL) in wanted:
            with suppress(ValueError, TypeError):  # of another version
                rows += list(_rows(tags))
                wanted.discard(tags[names.LABEL])
    return rows


def _rows(tags: Mapping[str, str]) -> Iterator[Row]:
    for key in sorted(tags):
        if key.startswith(names.MEASUREMENT):
            yield Row(**json.loads(tags[key]))


def _json(row: Row) -> str:
    """Without the values that are NaN, which are defaults."""
    return json.dumps({key: value for key, value in asdict(row).items() if value == value})
