"""From records to the numbers that every report shows: terminal, page, tables and JSON take the same ones from here.

A run that failed scores chance; an interrupted one counts as missing. An architecture is given one score on a task: its
normalised accuracy (0 chance, 1 perfect), averaged over lengths, one value for each seed. Pairs are compared by it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from statistics import fmean, median

from harness.analysis import stats
from harness.analysis.stats import Interval, Paired, Steps
from harness.record import FAILED, Record
from harness.report import Results

NOT_A_NUMBER = "its accuracy is not a number"


@dataclass(frozen=True)
class Cell:
    """One architecture at one length of a task, over its seeds."""

    length: int
    chance: float
    scores: Mapping[int, float]  # by seed; chance for a run that failed
    finished: Mapping[int, float]  # accuracy by seed of the runs that did not fail
    solved: int
    steps: Steps
    budget: int  # in steps
    seconds: float | None  # of training, mean over the runs that did not fail
    tokens_per_second: float | None

    @property
    def failed(self) -> int:
        return len(self.scores) - len(self.finished)

    @cached_property
    def mean(self) -> float:
        return fmean(self.scores.values())

    @cached_property
    def median(self) -> float:
        return median(self.scores.values())

    @cached_property
    def interquartile_mean(self) -> float:
        return stats.interquartile_mean(list(self.scores.values()))

    @cached_property
    def interval(self) -> Interval | None:
        """Of the mean."""
        return stats.bootstrap(list(self.scores.values()))

    @cached_property
    def interquartile_interval(self) -> Interval | None:
        return stats.bootstrap_interquartile_mean(list(self.scores.values()))

    @cached_property
    def mean_without_failed(self) -> float | None:
        return fmean(self.finished.values()) if self.finished else None

    @cached_property
    def solved_interval(self) -> Interval:
        return stats.wilson(self.solved, len(self.scores))


@dataclass(frozen=True)
class Curve:
    """One architecture, or a variant of one, on one task."""

    label: str
    solved_at: float
    lengths: tuple[int, ...]  # of the task
    cells: Mapping[int, Cell]  # by length; a length without any ended run is not in it
    refused: str  # why it could not be run at all; '' where it could
    parameters: int | None  # None: not known
    state_size: int | None
    elsewhere: Mapping[int, Mapping[int, float]]  # accuracy by length trained at and length tested at, mean over seeds

    @cached_property
    def horizon(self) -> int | None:
        """The longest length that the median seed solves."""
        return stats.horizon({n: list(cell.scores.values()) for n, cell in self.cells.items()}, self.solved_at)

    @cached_property
    def horizon_interval(self) -> Interval | None:
        """By resampling seeds; 0 stands for no length at all."""
        return stats.horizon_interval({n: cell.scores for n, cell in self.cells.items()}, self.solved_at)

    @cached_property
    def gaps(self) -> tuple[int, ...]:
        """Lengths below the horizon that are not solved."""
        below = (n for n in self.cells if self.horizon and n < self.horizon)
        return tuple(n for n in below if self.cells[n].median < self.solved_at)

    @cached_property
    def by_seed(self) -> dict[int, float]:
        """The score of each seed that has every length of the task: without them it would not compare."""
        seeds = set.intersection(*(set(self.cells[n].scores) if n in self.cells else set() for n in self.lengths))
        return {seed: fmean(_normalised(cell, seed) for cell in self.cells.values()) for seed in sorted(seeds)}

    @cached_property
    def score(self) -> float | None:
        return fmean(self.by_seed.values()) if self.by_seed else None

    @cached_property
    def score_interval(self) -> Interval | None:
        return stats.bootstrap(list(self.by_seed.values()))


@dataclass(frozen=True)
class Pair:
    """Two architectures on one task, compared seed by seed over the lengths that both have."""

    first: str
    second: str
    paired: Paired
    p: float | None  # corrected (Holm) for all pairs of the task; None for one seed

    @property
    def told_apart(self) -> bool:
        return self.p is not None and self.p <= stats.ALPHA


@dataclass(frozen=True)
class TaskSummary:
    """All architectures on one task, the one that remembers longest first."""

    label: str
    lengths: tuple[int, ...]
    chances: Mapping[int, float]
    solved_at: float
    curves: tuple[Curve, ...]
    pairs: tuple[Pair, ...]
    missing: int  # runs that were planned and have not ended

    @cached_property
    def seeds(self) -> int:
        """Of the architecture that has most."""
        return max((len(cell.scores) for curve in self.curves for cell in curve.cells.values()), default=0)

    @cached_property
    def seeds_needed(self) -> int:
        """The fewest at which any pair can be told apart."""
        return stats.seeds_needed(len(self.pairs))

    @cached_property
    def groups(self) -> list[tuple[str, ...]]:
        """Those that cannot be told apart; empty where there are too few seeds to tell anything."""
        if not self.pairs or min(pair.paired.seeds for pair in self.pairs) < self.seeds_needed:
            return []
        names = [curve.label for curve in self.curves if curve.cells]
        return stats.groups(names, [(pair.first, pair.second) for pair in self.pairs if pair.told_apart])


@dataclass(frozen=True)
class Summary:
    """The numbers of a report."""

    tasks: tuple[TaskSummary, ...]
    failures: tuple[Record, ...]  # that ended without a result, refusals left out
    refusals: tuple[Record, ...]
    ranks: Mapping[str, float]  # mean rank over tasks, of the architectures that every task has; empty for one task


def summarise(results: Results) -> Summary:
    """All numbers of a sweep."""
    records = [sound(record) for record in results.records if record.status != "interrupted"]
    interrupted = len(results.records) - len(records)
    missing = [spec.task_label for spec in results.missing]
    if not missing and interrupted:
        missing = [record.spec.task_label for record in results.records if record.status == "interrupted"]
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_task[record.spec.task_label].append(record)
    tasks = tuple(_task(label, members, missing.count(label)) for label, members in by_task.items())
    scores = {task.label: {c.label: c.score for c in task.curves if c.score is not None} for task in tasks}
    return Summary(
        tasks,
        failures=tuple(record for record in records if record.status in FAILED),
        refusals=tuple(record for record in records if record.status == "skipped"),
        ranks=stats.mean_ranks(scores) if len(tasks) > 1 else {},
    )


def sound(record: Record) -> Record:
    """The record, as a failed one where a run ended well with an accuracy that is no number."""
    if record.status == "ok" and (record.accuracy is None or not math.isfinite(record.accuracy)):
        return replace(record, status="error", reason=NOT_A_NUMBER)
    return record


def _task(label: str, records: Sequence[Record], missing: int) -> TaskSummary:
    by_label: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_label[record.spec.label].append(record)
    solved_at = max((r.solved_at for r in records if r.status == "ok"), default=records[0].solved_at)
    chances = {n: chance for record in records for n, chance in record.chances.items() if math.isfinite(chance)}
    lengths = tuple(sorted({length for record in records for length in record.spec.points}))
    curves = [_curve(name, members, lengths, chances, solved_at) for name, members in by_label.items()]
    ordered = sorted(curves, key=lambda c: (c.horizon or 0, -1.0 if c.score is None else c.score), reverse=True)
    return TaskSummary(label, lengths, chances, solved_at, tuple(ordered), _pairs(ordered), missing)


def _curve(
    label: str, records: Sequence[Record], lengths: tuple[int, ...], chances: Mapping[int, float], solved_at: float
) -> Curve:
    refused = records[0].reason if all(record.status == "skipped" for record in records) else ""
    by_length: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        for length in record.spec.points:
            by_length[length].append(record)
    cells = {n: _cell(by_length[n], n, chances[n]) for n in sorted(by_length) if n in chances and not refused}
    described = next((record for record in records if record.parameters), None)
    return Curve(
        label,
        solved_at,
        lengths,
        cells,
        refused,
        parameters=sum(described.parameters.values()) if described else None,
        state_size=described.state_size if described else None,
        elsewhere=_elsewhere(records),
    )


def _cell(records: Sequence[Record], length: int, chance: float) -> Cell:
    found = {record.spec.seed: record.accuracy_at(length) for record in records}
    finished = {seed: accuracy for seed, accuracy in found.items() if accuracy is not None}
    well = [record for record in records if record.status == "ok"]
    return Cell(
        length,
        chance,
        scores={record.spec.seed: finished.get(record.spec.seed, chance) for record in records},
        finished=finished,
        solved=sum(record.solved_at_length(length) for record in records),
        steps=stats.steps_to_solve([r.steps_to_solve if r.status == "ok" else None for r in records]),
        budget=max(record.spec.steps for record in records),
        seconds=fmean(record.seconds for record in well) if well else None,
        tokens_per_second=fmean(record.tokens_per_second for record in well) if well else None,
    )


def _elsewhere(records: Iterable[Record]) -> dict[int, dict[int, float]]:
    """By length trained at, the accuracy at every length tested at, of runs that were tested at several."""
    by_length: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        if record.spec.length_from is None:  # after a range the lengths tested at are the curve itself
            by_length[record.spec.length].append(record)
    tested = {length: _tested(by_length[length]) for length in sorted(by_length)}
    return {length: accuracies for length, accuracies in tested.items() if len(accuracies) > 1}


def _tested(records: Iterable[Record]) -> dict[int, float]:
    """Mean accuracy over the seeds that ended well, by length tested at."""
    values: dict[int, list[float]] = defaultdict(list)
    for record in records:
        for length, scores in (record.scores if record.status == "ok" else {}).items():
            if math.isfinite(scores.accuracy):
                values[length].append(scores.accuracy)
    return {length: fmean(values[length]) for length in sorted(values)}


def _pairs(curves: Sequence[Curve]) -> tuple[Pair, ...]:
    found = []
    for first, second in combinations([curve for curve in curves if curve.cells], 2):
        paired = compare(first, second)
        if paired:
            found.append((first.label, second.label, paired))
    tested = [paired.p for *_, paired in found if paired.p is not None]
    corrected = iter(stats.holm(tested))
    return tuple(Pair(*one, None if one[2].p is None else next(corrected)) for one in found)


def compare(first: Curve, second: Curve) -> Paired | None:
    """First minus second by seed, in normalised accuracy, over the lengths both have; None without a common seed."""
    return stats.paired(*_over_shared(first, second))


def _over_shared(first: Curve, second: Curve) -> tuple[dict[int, float], dict[int, float]]:
    """Scores by seed of two curves over the cells that both have."""
    shared: dict[int, list[int]] = defaultdict(list)
    for length in first.cells.keys() & second.cells.keys():
        for seed in first.cells[length].scores.keys() & second.cells[length].scores.keys():
            shared[seed].append(length)
    one, other = (
        {seed: fmean(_normalised(curve.cells[n], seed) for n in lengths) for seed, lengths in shared.items()}
        for curve in (first, second)
    )
    return one, other


def _normalised(cell: Cell, seed: int) -> float:
    return stats.normalised(cell.scores[seed], cell.chance)
