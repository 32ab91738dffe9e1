"""Inspections over seeds: means with intervals, architectures compared seed by seed, and a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median

from harness.analysis.stats import ALPHA, Interval, holm, paired, seeds_needed, student_t, value_range
from harness.analysis.verdict import listed
from harness.inspection_record import GradientByLag, Inspection

_SMALLEST = 1e-45  # of a norm: below it there is no single-precision number


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
    gradient_at_start: Line  # norms, as a share of that at lag 0; geometric mean
    gradient: Line  # after training
    gain_at_start: float | None  # factor per step, geometric mean over seeds
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
        return _describe(self)


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
    first = inspections[0]
    return InspectionSummary(first.task_label, first.length, architectures, _compare(by_label))


def _architecture(label: str, members: Sequence[Inspection]) -> ArchitectureInspection:
    decoded = [one.decoded for one in members if one.decoded and one.decoded.steps]
    accuracies = [one.accuracy for one in members if one.accuracy is not None]
    return ArchitectureInspection(
        label=label,
        seeds=len(members),
        gradient_at_start=_gradient_line([one.start for one in members]),
        gradient=_gradient_line([one.trained for one in members]),
        gain_at_start=_geometric([one.start.gain for one in members]),
        gain=_geometric([one.trained.gain for one in members]),
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
    """Shares of the norm at lag 0 on a logarithmic scale: geometric mean and interval."""
    lags = [lag for lag in found[0].lags if all(lag in one.lags for one in found)]
    shares = [[math.log(max(one.left(lag) or 0.0, _SMALLEST)) for lag in lags] for one in found]
    line = _line(lags, shares)
    return Line(lags, *([math.exp(value) for value in values] for values in (line.middle, line.low, line.high)))


def _line(x: Sequence[int], rows: Sequence[Sequence[float]]) -> Line:
    columns = [list(column) for column in zip(*rows, strict=True)]
    bounds = [student_t(column) or value_range(column) or Interval(column[0], column[0]) for column in columns]
    return Line(list(x), [fmean(column) for column in columns], [b.low for b in bounds], [b.high for b in bounds])


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _geometric(gains: Sequence[float | None]) -> float | None:
    known = [math.log(gain) for gain in gains if gain]
    return math.exp(fmean(known)) if known else None


def _describe(one: ArchitectureInspection) -> list[str]:
    """What one architecture does, in sentences."""
    sentences = [_gradient_sentence(one, one.gain_at_start, one.gradient_at_start, "At the start")]
    sentences.append(_gradient_sentence(one, one.gain, one.gradient, "After training"))
    if one.exponent is not None and one.exponent_at_start is not None:
        sentences.append(
            f"The largest Lyapunov exponent of the state of {one.label} is {one.exponent_at_start:+.3f} at the start "
            f"and {one.exponent:+.3f} after training (below 0: what is held vanishes; above 0: chaotic)."
        )
    if one.decoded and one.decoding_chance:
        known, chance = one.decoded.middle[-1], one.decoding_chance.middle[-1]
        answered = "" if one.accuracy is None else f"; its own answers are right in {one.accuracy:.0%}"
        sentences.append(
            f"At step {one.decoded.x[-1]} what is to be remembered can be decoded from {one.label} in {known:.0%} of "
            f"sequences (chance {chance:.0%}){answered}."
        )
    return sentences


def _gradient_sentence(one: ArchitectureInspection, gain: float | None, line: Line, when: str) -> str:
    farthest = max(line.x)
    left = line.middle[line.x.index(farthest)]
    if gain is None:
        return f"{when} no gradient of {one.label} reaches earlier inputs."
    verb = "shrinks" if gain < 1 else "grows"
    change = f"{when} a signal of {one.label} {verb} by a factor of {gain:.3g} per step"
    return f"{change}; {farthest} steps back {_share(left)} is left."


def _share(share: float) -> str:
    if share >= 0.001:
        return f"{share:.1%}"
    return f"{share:.0e} of it" if share > 2 * _SMALLEST else "nothing"


def _compare(by_label: dict[str, list[Inspection]]) -> list[str]:
    """How far gradients reach, pair by pair, with Holm's correction over the pairs."""
    measures: dict[str, Callable[[Inspection], float]] = {
        "At the start": lambda one: math.log(1 + one.start.reach),
        "After training": lambda one: math.log(1 + one.trained.reach),
    }
    pairs = list(combinations(by_label, 2))
    sentences = []
    for when, measure in measures.items():
        reaches = {label: {one.seed: measure(one) for one in members} for label, members in by_label.items()}
        found = {pair: paired(reaches[pair[0]], reaches[pair[1]]) for pair in pairs}
        tested = {pair: one for pair, one in found.items() if one is not None and one.p is not None}
        corrected = dict(zip(tested, holm([one.p or 1.0 for one in tested.values()]), strict=True))
        for (first, second), one in tested.items():
            ahead, behind = (first, second) if one.difference > 0 else (second, first)
            ratio, p = math.exp(abs(one.difference)), corrected[first, second]
            if p < ALPHA:
                sentences.append(
                    f"{when} the gradient of {ahead} reaches {ratio:.1f} times as far as that of {behind} "
                    f"(p = {p:.2g}, {one.seeds} seeds)."
                )
        apart = [pair for pair in tested if corrected[pair] >= ALPHA]
        if apart:
            seeds = min(one.seeds for one in tested.values())
            needed = seeds_needed(len(pairs))
            more = f"; a test can show a difference from {needed} seeds on" if seeds < needed else ""
            named = ", ".join(f"{first} and {second}" for first, second in apart)
            if len(apart) == len(pairs) > 1:
                named = listed(list(by_label))
            sentences.append(
                f"{when} it is not told apart how far the gradients of {named} reach ({seeds} seeds{more})."
            )
    return sentences
