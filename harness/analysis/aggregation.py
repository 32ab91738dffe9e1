"""From records to a `Summary`.

A run that failed counts as chance; an interrupted one counts as missing. The score of an architecture on a task is its
accuracy on a scale from 0 (chance) to 1 (perfect), averaged over lengths, one value for each seed; pairs of
architectures are compared by it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations
from statistics import fmean

from harness.analysis import stats
from harness.analysis.stats import Paired
from harness.analysis.summary import (
    ArchitectureSummary,
    LengthSummary,
    Pair,
    Summary,
    TaskSummary,
    TrainingSummary,
)
from harness.record import FAILED, Record
from harness.report import Results

NOT_A_NUMBER = "its accuracy is not a number"


def summarise(results: Results) -> Summary:
    """All numbers of a sweep."""
    records = [sound(record) for record in results.records if record.status != "interrupted"]
    interrupted = [record for record in results.records if record.status == "interrupted"]
    missing = [run.task_label for run in results.missing] or [record.spec.task_label for record in interrupted]
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_task[record.spec.task_label].append(record)
    tasks = tuple(_task(label, members, missing.count(label)) for label, members in by_task.items())
    return Summary(
        tasks,
        failures=tuple(record for record in records if record.status in FAILED),
        refusals=tuple(record for record in records if record.status == "refused"),
        ranks=_ranks(tasks),
    )


def sound(record: Record) -> Record:
    """The record, as a failed one where a run ended well with an accuracy that is no number."""
    if record.status == "ok" and (record.accuracy is None or not math.isfinite(record.accuracy)):
        return replace(record, status="error", reason=NOT_A_NUMBER)
    return record


def _ranks(tasks: Sequence[TaskSummary]) -> Mapping[str, float]:
    """Mean ranks; none for one task, nor where no task tells any two of the ranked architectures apart."""
    scores = {task.label: {one.label: one.score for one in task.ran if one.score is not None} for task in tasks}
    ranks = stats.mean_ranks(scores) if len(tasks) > 1 else {}
    apart = [pair for task in tasks for pair in task.pairs if pair.told_apart]
    return ranks if any(pair.first in ranks and pair.second in ranks for pair in apart) else {}


def compare(first: ArchitectureSummary, second: ArchitectureSummary) -> Paired | None:
    """First minus second by seed, in scores over the lengths that both have; None without a common seed."""
    shared: dict[int, list[int]] = defaultdict(list)
    for length in sorted(first.lengths.keys() & second.lengths.keys()):
        for seed in first.lengths[length].scores.keys() & second.lengths[length].scores.keys():
            shared[seed].append(length)
    one, other = (
        {seed: architecture.score_of(seed, tuple(lengths)) for seed, lengths in shared.items()}
        for architecture in (first, second)
    )
    highest = max((first.lengths[n].chance for n in set(chain(*shared.values()))), default=0.0)
    return stats.paired(one, other, 1 / (1 - highest) if highest < 1 else 0.0)


def _task(label: str, records: Sequence[Record], missing: int) -> TaskSummary:
    by_label: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_label[record.spec.label].append(record)
    solved_at = max((r.solved_at for r in records if r.status == "ok"), default=records[0].solved_at)
    chances = {n: chance for record in records for n, chance in record.chances.items() if math.isfinite(chance)}
    lengths = tuple(sorted({length for record in records for length in record.spec.points}))
    found = [_architecture(name, members, lengths, chances, solved_at) for name, members in by_label.items()]
    ranges = {(r.spec.length_from, r.spec.length) for r in records if r.spec.length_from is not None}
    chance_is = next((record.chance_is for record in records if record.chance_is), "")
    pairs = _pairs(found)
    task = TaskSummary(
        label, lengths, chances, solved_at, tuple(found), pairs, missing, chance_is, ranges=tuple(sorted(ranges))
    )
    return replace(task, architectures=_ordered(task))


def _ordered(task: TaskSummary) -> tuple[ArchitectureSummary, ...]:
    """Tier by tier, then those that failed, then those that were refused."""
    tier = {name: index for index, names in enumerate(task.tiers) for name in names}
    last = len(task.architectures)
    return tuple(sorted(task.architectures, key=lambda one: tier.get(one.label, last + bool(one.refused))))


def _architecture(
    label: str, records: Sequence[Record], lengths: tuple[int, ...], chances: Mapping[int, float], solved_at: float
) -> ArchitectureSummary:
    refused = records[0].reason if all(record.status == "refused" for record in records) else ""
    statuses = sorted({record.status for record in records})
    trained: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        trained[record.spec.length].append(record)
    described = next((record for record in records if record.parameters), None)
    other = {
        n: {m: _length(members, m, chances, solved_at) for m in sorted(members[0].spec.tested) if m in chances}
        for n, members in sorted(trained.items())
        if len(members[0].spec.tested) > 1 and members[0].spec.length_from is None  # after a range they are the curve
    }
    return ArchitectureSummary(
        label,
        lengths,
        {} if refused else _curve(records, chances, solved_at),
        {n: _training(members) for n, members in sorted(trained.items())},
        {} if refused else other,
        refused,
        failed=", ".join(statuses) if not refused and "ok" not in statuses else "",
        parameters=sum(described.parameters.values()) if described else None,
        hidden_sizes=tuple(sorted({record.spec.hidden_size for record in records})),
        state_size=described.state_size if described else None,
        embedding=records[0].spec.embedding,
    )


def _curve(records: Sequence[Record], chances: Mapping[int, float], solved_at: float) -> dict[int, LengthSummary]:
    by_length: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        for length in record.spec.points:
            by_length[length].append(record)
    return {n: _length(by_length[n], n, chances, solved_at) for n in sorted(by_length) if n in chances}


def _length(records: Sequence[Record], length: int, chances: Mapping[int, float], solved_at: float) -> LengthSummary:
    """What these runs, one for each seed, scored at a length tested at."""
    scores = {r.spec.seed: r.scores[length] for r in records if r.status == "ok" and length in r.scores}
    finished = {seed: one.accuracy for seed, one in scores.items() if math.isfinite(one.accuracy)}
    failures = {r.spec.seed: "error" if r.status == "ok" else r.status for r in records if r.spec.seed not in finished}
    return LengthSummary(
        length,
        chances[length],
        solved_at,
        finished,
        failures,
        runs={record.spec.seed: record.identity or record.spec.identity for record in records},
        bits=_mean(one.bits for one in scores.values()),
        forced_error=_mean(one.forced_error for one in scores.values()),
        free_error=_mean(one.free_error for one in scores.values()),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _training(records: Sequence[Record]) -> TrainingSummary:
    finished = [record for record in records if record.status == "ok"]
    return TrainingSummary(
        length=records[0].spec.length_text,
        steps=stats.steps_to_threshold([r.steps_to_solve if r.status == "ok" else None for r in records]),
        budget=max(record.spec.steps for record in records),
        seconds=fmean(record.seconds for record in finished) if finished else None,
        tokens_per_second=fmean(record.tokens_per_second for record in finished) if finished else None,
    )


def _pairs(architectures: Iterable[ArchitectureSummary]) -> tuple[Pair, ...]:
    found = [
        (first.label, second.label, paired)
        for first, second in combinations([one for one in architectures if one.ran], 2)
        if (paired := compare(first, second))
    ]
    corrected = iter(stats.holm([paired.p for *_, paired in found if paired.p is not None]))
    return tuple(Pair(*one, None if one[2].p is None else next(corrected)) for one in found)
