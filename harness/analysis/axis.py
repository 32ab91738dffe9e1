"""Accuracy against something else than the length: size of the state, parameters, train sequences, a numeric option."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.aggregation import sound, summarise
from harness.analysis.summary import LengthSummary
from harness.record import Record
from harness.report import Results

_SIZES = ("state_size", "parameters")  # measured of a model; both follow from hidden_size


@dataclass(frozen=True)
class Relation:
    """One task at one length: for each architecture, accuracy over seeds by the value on the axis, in its order."""

    task: str
    length: int
    chance: float
    solved_at: float
    lines: dict[str, dict[float, LengthSummary]]


def relations(results: Results, axis: str) -> list[Relation]:
    """One for each task and length, of the runs that have a numeric value of `axis`.

    Variants that differ in the axis only are points of one line. A task's own option may be the axis too: then the
    variants of the task are.
    """
    first: dict[tuple[str, str, int], Record] = {}
    for record in map(sound, results.records):
        first.setdefault((record.spec.task_label, record.spec.label, record.spec.length), record)
    found: dict[tuple[str, int], Relation] = {}
    for task in summarise(results).tasks:
        for one in task.ran:
            for length, at in one.lengths.items():
                known = first.get((task.label, one.label, length))
                value = value_of(known, axis) if known else None
                if value is None:
                    continue
                key = (without(task.label, axis), length)
                relation = found.setdefault(key, Relation(*key, at.chance, task.solved_at, {}))
                relation.lines.setdefault(without(one.label, axis), {})[value] = at
    return [_in_order(relation) for relation in found.values()]


def value_of(record: Record, axis: str) -> float | None:
    """The value of a size, a setting or an option of a run; None where it has none, or none that is a number."""
    spec = record.spec
    if axis == "parameters":
        return float(sum(record.parameters.values())) if record.parameters else None
    options = {**spec.task_options, **spec.architecture_options}
    short = {name.rpartition(".")[2]: value for name, value in options.items()}
    known = {**short, **options, **vars(spec), "state_size": record.state_size}
    value = known.get(axis)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def axes_of(records: Iterable[Record]) -> list[str]:
    """What these runs can be drawn against: everything numeric that takes several values."""
    records = list(records)
    names = {name for record in records for name in (*vars(record.spec), *_options(record))} | set(_SIZES)
    values = {name: {value_of(record, name) for record in records} - {None} for name in names - {"seed"}}
    return sorted(name for name, found in values.items() if len(found) > 1)


def without(label: str, axis: str) -> str:
    """The label of an architecture or a task without the part that the axis shows: 'lstm leak=0.1' > 'lstm'."""
    shown = {axis, axis.rpartition(".")[2], *(("hidden_size", "params") if axis in _SIZES else ())}
    name, *parts = label.split(" ")
    return " ".join([name, *(part for part in parts if part.partition("=")[0].rpartition(".")[2] not in shown)])


def _options(record: Record) -> list[str]:
    names = [*record.spec.task_options, *record.spec.architecture_options]
    return [*names, *(name.rpartition(".")[2] for name in names)]


def _in_order(relation: Relation) -> Relation:
    lines = {label: dict(sorted(points.items())) for label, points in relation.lines.items()}
    return Relation(relation.task, relation.length, relation.chance, relation.solved_at, lines)
