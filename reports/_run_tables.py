"""Tables of single runs: those that failed or were refused, and those that are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from harness.record import Record
from harness.report import Results

from ._tables import MOST, Table, TableCell, cut


def failures(records: Iterable[Record]) -> Table:
    """Why runs ended without a result, the reasons first; runs with the same reason in one row."""
    together: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for record in records:
        key = (record.reason or "no reason given", record.status, record.spec.label, record.spec.task_label)
        together[key].append((record.spec.length, record.spec.seed))
    rows = [[*map(TableCell, key), TableCell(_runs(runs))] for key, runs in sorted(together.items())]
    columns = ("reason", "what became of it", "architecture", "task", "runs")
    return Table("Failed and refused runs", columns, rows[:MOST], note=cut(len(rows)).strip())


def notes(records: Iterable[Record]) -> Table:
    """What was noted of runs, whatever became of them; runs with the same note in one row."""
    together: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for record in records:
        for note in record.notes:
            together[note, record.spec.label, record.spec.task_label].append((record.spec.length, record.spec.seed))
    rows = [[*map(TableCell, key), TableCell(_runs(runs))] for key, runs in sorted(together.items())]
    columns = ("note", "architecture", "task", "runs")
    return Table("Notes on runs", columns, rows[:MOST], note=cut(len(rows)).strip())


def missing(results: Results) -> Table:
    together: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for run in results.missing:
        together[run.task_label, run.label].append((run.length, run.seed))
    rows = [[*map(TableCell, key), TableCell(_runs(runs))] for key, runs in together.items()]
    return Table("Runs that are missing", ("task", "architecture", "runs"), rows[:MOST], 2, cut(len(rows)).strip())


def _runs(runs: Iterable[tuple[int, int]]) -> str:
    """Lengths and seeds, lengths with the same seeds together: 'T=5, 10 seeds 0, 1; T=20 seed 3'."""
    seeds: dict[int, list[int]] = defaultdict(list)
    for length, seed in sorted(runs):
        seeds[length].append(seed)
    lengths: dict[str, list[str]] = defaultdict(list)
    for length, of_length in seeds.items():
        lengths[f"seed{'s' * (len(of_length) > 1)} {', '.join(map(str, of_length))}"].append(str(length))
    return "; ".join(f"T={', '.join(some)} {with_seeds}" for with_seeds, some in lengths.items())
