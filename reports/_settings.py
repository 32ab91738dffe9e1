"""What was asked and what was used: settings and environment of the runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from harness.record import Record
from harness.spec import RunSpec

from ._tables import Table, TableCell

_ELSEWHERE = ("architecture", "task", "length", "length_from", "seed", "label", "task_label", "asked", "keep_weights")
_OPTIONS = ("architecture_options", "task_options")
_CODE = ("architecture_code", "task_code")
_PLAIN = tuple(field.name for field in fields(RunSpec) if field.name not in (*_ELSEWHERE, *_OPTIONS, *_CODE))

_Who = list[tuple[str, str]]
"""Tasks and architectures."""


def settings(records: Sequence[Record]) -> list[Table]:
    """Those that all runs share, then those that differ, by task and architecture; what was typed is marked."""
    specs = list({record.spec.identity: record.spec for record in records}.values())
    values = _by_value(specs)
    everywhere = {(spec.task_label, spec.label) for spec in specs}
    shared, own = [], []
    for name, by_value in values.items():
        for (value, whence), who in by_value.items():
            if len(by_value) == 1 and set(who) == everywhere:
                shared.append([TableCell(name), TableCell(value), TableCell(whence)])
            else:
                own.append([TableCell(name), TableCell(value), TableCell(_whose(who)), TableCell(whence)])
    return [
        Table("Settings of every run", ("setting", "value", "where from"), shared),
        Table("Settings that differ", ("setting", "value", "of", "where from"), own),
    ]


def _by_value(specs: Sequence[RunSpec]) -> Mapping[str, Mapping[tuple[str, str], _Who]]:
    """Whose each value of each setting is, and whether they asked for it or have it by default."""
    values: dict[str, dict[tuple[str, str], dict[tuple[str, str], None]]] = defaultdict(lambda: defaultdict(dict))
    for spec in specs:
        for name, value in _resolved(spec).items():
            whence = "asked" if name in spec.asked else "default"
            values[name][_written(value), whence][spec.task_label, spec.label] = None
    return {name: {value: list(who) for value, who in by_value.items()} for name, by_value in values.items()}


def code(records: Sequence[Record]) -> Table:
    """Fingerprints of the plugins' source."""
    found = {(record.spec.label, record.spec.architecture_code) for record in records}
    found |= {(record.spec.task_label, record.spec.task_code) for record in records}
    rows = [[TableCell(name), TableCell(digest)] for name, digest in sorted(found) if digest]
    return Table("Code of the plugins", ("plugin", "fingerprint"), rows)


def environment(records: Sequence[Record]) -> Table:
    """Versions, device and the like; where runs differ, how many had what."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for name, value in record.environment.items():
            counted[name][value] += 1
    rows = [[TableCell(name), TableCell(_counted(counted[name]))] for name in sorted(counted)]
    return Table("Environment", ("what", "value"), rows)


def _resolved(spec: RunSpec) -> Mapping[str, Any]:
    """Every setting by name, and what was asked for in other words: a number of parameters, say."""
    plain = {name: value for name, value in vars(spec).items() if name in _PLAIN and value not in ("", ())}
    options = {f"{spec.task_name}.{name}": value for name, value in spec.task_options.items()}
    resolved = {**plain, **spec.architecture_options, **options}
    return {**resolved, **{name: value for name, value in spec.asked.items() if name not in resolved}}


def _whose(who: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{label} on {task}" for task, label in who)


def _written(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _counted(values: Counter[str]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{value} ({count} runs)" for value, count in values.most_common())
