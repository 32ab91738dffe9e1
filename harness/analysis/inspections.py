"""Inspections over seeds: means with intervals, architectures compared seed by seed, and a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.analysis.inspection_words import FLOOR, compare, describe
from harness.analysis.stats import Interval, normalised, student_t, value_range
from harness.inspection_record import GradientByLag, Inspection

_AT_CHANCE = 0.05  # of the way from chance to perfection: an accuracy below it is called chance


@dataclass(frozen=True)
class Line:
    """A quantity over lags or steps: middle over seeds, and an interval of it (the range below 4 seeds)."""

    x: list[int]
    middle: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class ArchitectureInspection:
    """One architecture, over its seeds."""

    label: str
    seeds: int
    gradient_at_start: Line  # norms, as a share of that at lag 0, from FLOOR on; median, lowest and highest seed
    gradient: Line  # after training
    farthest: int  # steps back, of the earliest input
    left_at_start: list[float | None]  # share of the gradient at the earliest input, of each seed; None: of nothing
    left: list[float | None]
    gain_at_start: float | None  # factor per step, median; None where one of the curves is no straight line
    gain: float | None
    reach_at_start: float  # steps, median
    reach: float
    exponent_at_start: float | None  # largest Lyapunov exponent, mean
    exponent: float | None
    decoded: Line | None  # accuracy of the probe by step
    decoding_chance: Line | None
    accuracy: float | None  # of the model on test data, mean
    chance: float | None
    left_out: dict[str, str]

    @property
    def sentences(self) -> list[str]:
        """What was found inside it."""
        return describe(self)

    @property
    def at_chance(self) -> bool:
        """Whether its answers after training are no better than chance; False where that is not known."""
        known = self.accuracy is not None and self.chance is not None
        return known and normalised(self.accuracy or 0.0, self.chance or 0.0) < _AT_CHANCE


@dataclass(frozen=True)
class InspectionSummary:
    """All architectures on one task at one length, and what can be said of them."""

    task_label: str
    length: int
    architectures: list[ArchitectureInspection]
    comparisons: list[str]  # how far gradients reach, in sentences: what tests tell apart, and what they do not


def summarise_inspections(inspections: Sequence[Inspection]) -> InspectionSummary:
    """Means, intervals and sentences; all inspections are of one task at one length."""
    labels = list(dict.fromkeys(one.label for one in inspections))
    by_label = {label: [one for one in inspections if one.label == label] for label in labels}
    architectures = [_architecture(label, members) for label, members in by_label.items()]
    start = {label: {one.seed: one.start.reach for one in members} for label, members in by_label.items()}
    trained = {label: {one.seed: one.trained.reach for one in members} for label, members in by_label.items()}
    comparisons = compare(start, trained, [one.label for one in architectures if one.at_chance])
    return InspectionSummary(inspections[0].task_label, inspections[0].length, architectures, comparisons)


def _architecture(label: str, members: Sequence[Inspection]) -> ArchitectureInspection:
    decoded = [one.decoded for one in members if one.decoded and one.decoded.steps]
    accuracies = [one.accuracy for one in members if one.accuracy is not None]
    at_start, trained = [one.start for one in members], [one.trained for one in members]
    line_at_start, line = _gradient_line(at_start), _gradient_line(trained)
    return ArchitectureInspection(
        label=label,
        seeds=len(members),
        gradient_at_start=line_at_start,
        gradient=line,
        farthest=max(line.x),
        left_at_start=[one.left(max(line.x)) for one in at_start],
        left=[one.left(max(line.x)) for one in trained],
        gain_at_start=_factor([one.gain for one in at_start if one.straight], len(members)),
        gain=_factor([one.gain for one in trained if one.straight], len(members)),
        reach_at_start=float(median(one.start.reach for one in members)),
        reach=float(median(one.trained.reach for one in members)),
        exponent_at_start=_mean([one.state_at_start.exponents[0] for one in members if one.state_at_start]),
        exponent=_mean([one.state.exponents[0] for one in members if one.state]),
        decoded=_line(decoded[0].steps, [one.accuracies for one in decoded]) if decoded else None,
        decoding_chance=_line(decoded[0].steps, [one.chances for one in decoded]) if decoded else None,
        accuracy=_mean(accuracies),
        chance=members[0].chance,
        left_out=members[0].left_out,
    )


def _gradient_line(found: Sequence[GradientByLag]) -> Line:
    """Shares of the norm at lag 0 on a logarithmic scale: the median over seeds, from the lowest to the highest."""
    lags = [lag for lag in found[0].lags if all(lag in one.lags for one in found)]
    columns = [[math.log(max(one.left(lag) or 0.0, FLOOR)) for one in found] for lag in lags]
    bounds = [[math.exp(of(column)) for column in columns] for of in (median, min, max)]
    return Line(lags, *bounds)


def _line(x: Sequence[int], rows: Sequence[Sequence[float]]) -> Line:
    columns = [list(column) for column in zip(*rows, strict=True)]
    bounds = [student_t(column) or value_range(column) or Interval(column[0], column[0]) for column in columns]
    return Line(list(x), [fmean(column) for column in columns], [b.low for b in bounds], [b.high for b in bounds])


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _factor(gains: Sequence[float | None], seeds: int) -> float | None:
    """The median, as of what is left; None unless every seed has one."""
    known = [math.log(gain) for gain in gains if gain]
    return math.exp(median(known)) if len(known) == seeds else None
