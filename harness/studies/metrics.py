"""What an expectation can be about: a number for each seed, taken from the records of an architecture on a task."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from harness.studies.question import Lengths, Where

if TYPE_CHECKING:
    from harness.record import Record
    from harness.spec import RunSpec

GRADIENTS = ("gradient_reach", "gradient_left", "gradient_reach_at_start", "gradient_left_at_start")
"""Metrics for which trained models are looked into when their runs have ended."""
AtLength = Callable[["Record", int], "float | None"]
"""A metric of a run at a length tested at; None where the run has none."""


@dataclass(frozen=True)
class Metric:
    """A word of `in`, and how it is said and shown."""

    noun: str  # 'the score'
    form: str = "{:.3g}"
    at_length: AtLength | None = None  # else it belongs to a run, or to all runs of a seed
    of_run: Callable[[Record], float | None] | None = None


def _score(record: Record, length: int) -> float | None:
    accuracy, chance = record.score_at(length), record.chances.get(length)
    if accuracy is None or chance is None:
        return None
    return (accuracy - chance) / (1 - chance) if chance < 1 else 0.0


def _exact(record: Record, length: int) -> float | None:
    scores = record.scores.get(length)
    return scores.exact_match if scores and record.status == "ok" else 0.0


def _loss(record: Record, length: int) -> float | None:
    scores = record.scores.get(length)
    return scores.loss if scores and record.status == "ok" else math.inf


def _bits(record: Record, length: int) -> float | None:
    scores = record.scores.get(length)
    return scores.bits if scores and record.status == "ok" else math.inf


def _steps(record: Record) -> float:
    """Steps to the threshold; the whole budget where it was not reached."""
    solved = record.steps_to_solve if record.status == "ok" else None
    return float(record.spec.steps if solved is None else solved)


def _measured(value: float) -> float | None:
    return value if value > 0 else None


METRICS: Mapping[str, Metric] = {
    "score": Metric("score", at_length=_score),
    "accuracy": Metric("accuracy", "{:.1%}", at_length=lambda record, length: record.score_at(length)),
    "exact_match": Metric("share of sequences without a mistake", "{:.1%}", at_length=_exact),
    "solved": Metric(
        "share of lengths solved", "{:.0%}", at_length=lambda record, n: float(record.solved_at_length(n))
    ),
    "loss": Metric("test loss", at_length=_loss),
    "bits": Metric("cross-entropy in bits", at_length=_bits),
    "steps_to_solve": Metric("number of steps to solve", "{:,.0f}", of_run=_steps),
    "sequences_to_solve": Metric(
        "number of sequences to solve", "{:,.0f}", of_run=lambda record: _steps(record) * record.spec.batch_size
    ),
    "seconds": Metric("training time in seconds", of_run=lambda record: _measured(record.seconds)),
    "seconds_per_step": Metric(
        "time of a step in seconds",
        of_run=lambda record: _measured(record.seconds / record.steps) if record.steps else None,
    ),
    "tokens_per_second": Metric(
        "number of time steps per second", "{:,.0f}", of_run=lambda record: _measured(record.tokens_per_second)
    ),
    "horizon": Metric("longest length solved", "{:,.0f}"),
    "gradient_reach": Metric(
        "number of steps that the gradient reaches back", "{:,.0f}", of_run=lambda record: record.gradients.get("reach")
    ),
    "gradient_left": Metric(
        "share of the gradient that is left at the longest lag", of_run=lambda record: record.gradients.get("left")
    ),
    "gradient_reach_at_start": Metric(
        "number of steps that the untrained gradient reaches back",
        "{:,.0f}",
        of_run=lambda record: record.gradients.get("reach_at_start"),
    ),
    "gradient_left_at_start": Metric(
        "share of the untrained gradient that is left at the longest lag",
        of_run=lambda record: record.gradients.get("left_at_start"),
    ),
}
"""By the word of `in`."""


def by_seed(records: Iterable[Record], where: Where) -> dict[int, float]:
    """The metric of each seed whose runs all have it; `records`: of one architecture on one task."""
    metric = METRICS[where.metric]
    runs: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        if where.trained_at in (None, record.spec.length):
            runs[record.spec.seed].append(record)
    wanted = tested(where, [record for members in runs.values() for record in members])
    found: dict[int, float] = {}
    for seed, members in runs.items():
        if where.metric == "horizon":
            values: list[float | None] = [_horizon(members, where)]
        elif metric.at_length:
            values = [metric.at_length(r, n) for r in members for n in lengths_of(r.spec, where) if n in wanted]
        elif metric.of_run:
            values = [metric.of_run(r) for r in members if wanted & set(lengths_of(r.spec, where))]
        known = [value for value in values if value is not None and not math.isnan(value)]
        if known and len(known) == len(values):
            found[seed] = fmean(known)
    return found


def lengths_of(spec: RunSpec, where: Where) -> Sequence[int]:
    """The lengths at which a run counts: those of its curve, or, of one length trained at, all that were tested."""
    return spec.points if where.trained_at is None else spec.tested


def tested(where: Where, records: Iterable[Record]) -> set[int]:
    """The lengths that an expectation is about, of those at which these runs count."""
    return chosen(where.lengths, {length for record in records for length in lengths_of(record.spec, where)})


def chosen(lengths: Lengths, known: set[int]) -> set[int]:
    """The lengths that are meant, of those that are known."""
    if lengths == "longest":
        return {max(known)} if known else set()
    return known if lengths == "all" else known & set(lengths)


def _horizon(records: Sequence[Record], where: Where) -> float:
    """The longest length that a seed solves; 0: none."""
    return float(max((n for r in records for n in lengths_of(r.spec, where) if r.solved_at_length(n)), default=0))
