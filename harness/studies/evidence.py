"""The tests of one expectation: the p that it holds, the p that it does not, what was measured, and seeds to decide."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from harness.analysis import directed, stats
from harness.analysis.aggregation import sound
from harness.analysis.stats import Interval
from harness.record import Record
from harness.report import Results
from harness.studies.metrics import METRICS, by_seed
from harness.studies.question import Difference, Equal, Expectation, Value, Where
from harness.studies.sentences import names
from harness.study_record import Side


@dataclass(frozen=True)
class Evidence:
    """The tests of one expectation, before the correction for many."""

    seeds: int
    for_it: float  # p of the test that the expectation holds
    against: float  # p of the test that it does not
    measured: str
    fewest: Callable[[int], int]  # seeds at which it can be confirmed, by the number of expectations
    needed: Callable[[int], int | None]  # seeds that would decide
    note: str = ""  # what a person should know where it is undecided
    sides: tuple[Side, ...] = ()


def evidence_on(expected: Expectation, results: Mapping[str, Results]) -> Evidence:
    """The tests of one expectation; `results`: by name of the sweep."""
    values = [by_seed(_select(results[where.sweep].records, where, label), where) for label, where in expected.sides]
    shared = sorted(set.intersection(*(set(one) for one in values)))
    columns = [[one[seed] for seed in shared] for one in values]
    called = [expected.of] if isinstance(expected, Value) else names(expected)
    sides = tuple(Side(name, tuple(shared), tuple(column)) for name, column in zip(called, columns, strict=True))
    if isinstance(expected, Value):
        return replace(_value_test(expected, columns[0]), sides=sides)
    pairs = list(zip(*columns, strict=True))
    made = _difference_test(expected, pairs) if isinstance(expected, Difference) else _equal_test(expected, pairs)
    return replace(made, sides=sides)


def _select(records: Iterable[Record], where: Where, label: str) -> list[Record]:
    """The ended runs of an architecture on the task that is meant."""
    mine = (r for r in records if r.spec.label == label and where.task in ("", r.spec.task_label))
    return [sound(record) for record in mine if record.status != "interrupted"]


def _difference_test(expected: Difference, pairs: Sequence[tuple[float, float]]) -> Evidence:
    apart = _apart(pairs, expected.factor is not None)
    claim = math.log(expected.factor) if expected.factor else expected.by
    beyond = [value - claim for value in apart]
    tie = bool(pairs) and all(value == 0 for value in beyond)
    return Evidence(
        seeds=len(pairs),
        for_it=directed.above_zero(beyond),
        against=directed.below_zero(beyond),
        measured=_measured_difference(expected, pairs),
        fewest=directed.fewest_seeds,
        needed=lambda tests: directed.seeds_for_difference(beyond, tests),
        note="both are equal in every seed, and more seeds will not part them" if tie else "",
    )


def _equal_test(expected: Equal, pairs: Sequence[tuple[float, float]]) -> Evidence:
    """Two one-sided tests: above the lower margin, and below the upper one (Schuirmann 1987)."""
    apart = _apart(pairs, expected.is_factor)
    margin = math.log(expected.margin) if expected.is_factor else expected.margin
    above, below = [value + margin for value in apart], [margin - value for value in apart]
    nearer = below if apart and fmean(directed.bounded(apart)) > 0 else above
    outside = min(directed.below_zero(above), directed.below_zero(below))
    return Evidence(
        seeds=len(pairs),
        for_it=max(directed.above_zero(above), directed.above_zero(below)),
        against=min(1.0, 2 * outside),  # either side
        measured=_measured_difference(expected, pairs),
        fewest=directed.fewest_seeds,
        needed=lambda tests: directed.seeds_for_difference(nearer, tests),
    )


def _value_test(expected: Value, values: Sequence[float]) -> Evidence:
    low = -math.inf if expected.low is None else expected.low
    high = math.inf if expected.high is None else expected.high
    inside = sum(low <= value <= high for value in values)
    share = 0.5 if expected.share is None else expected.share
    is_band = expected.low is not None and expected.high is not None
    if expected.share is None and is_band:  # the median is above the one bound, and below the other
        ends = [sum(value >= low for value in values), sum(value <= high for value in values)]
        for_it = max(directed.share_above(end, len(values)) for end in ends)
        against = min(1.0, 2 * min(directed.share_below(end, len(values)) for end in ends))
    else:
        for_it = directed.share_above(inside, len(values), share)
        against = directed.share_below(inside, len(values), share)
    return Evidence(
        seeds=len(values),
        for_it=for_it,
        against=against,
        measured=_measured_value(expected, values, inside),
        fewest=lambda tests: directed.fewest_seeds(tests, share),
        needed=lambda tests: directed.seeds_for_share(inside, len(values), share, tests),
    )


def _apart(pairs: Sequence[tuple[float, float]], is_factor: bool) -> list[float]:
    """First minus second by seed; of factors, the logarithm of their ratio, infinite where one is not above 0."""
    measure = _log_ratio if is_factor else operator.sub
    return [0.0 if first == second else measure(first, second) for first, second in pairs]  # both may be infinite


def _log_ratio(first: float, second: float) -> float:
    if first > 0 and second > 0 and math.isfinite(first) and math.isfinite(second):
        return math.log(first / second)
    return math.copysign(math.inf, first - second)


def _measured_difference(expected: Difference | Equal, pairs: Sequence[tuple[float, float]]) -> str:
    """Both middles, and the difference or the ratio with its interval (the range below 4 seeds)."""
    if not pairs:
        return ""
    form = METRICS[expected.metric].form
    first, second = (fmean(pair[side] for pair in pairs) for side in (0, 1))
    is_factor = expected.is_factor if isinstance(expected, Equal) else expected.factor is not None
    apart = directed.bounded(_apart(pairs, is_factor))
    bounds = stats.student_t(apart) or stats.value_range(apart)
    named = [f"{name} {form.format(value)}" for name, value in zip(names(expected), (first, second), strict=True)]
    if is_factor:
        return f"{', '.join(named)}: ratio {_scaled(fmean(apart), bounds, '{:.3g}', math.exp)}"
    signed = form.replace("{:", "{:+")
    return f"{', '.join(named)}: {_scaled(fmean(apart), bounds, signed)}"


def _measured_value(expected: Value, values: Sequence[float], inside: int) -> str:
    if not values:
        return ""
    form = METRICS[expected.metric].form
    bounds = stats.median_interval(values) or stats.value_range(values)
    said = _scaled(median(values), bounds, form)
    return f"median {said}; {inside} of {len(values)} seeds there" if expected.share else f"median {said}"


def _scaled(
    middle: float, bounds: Interval | None, form: str, scale: Callable[[float], float] = lambda value: value
) -> str:
    ends = "" if bounds is None else f" [{form.format(scale(bounds.low))}, {form.format(scale(bounds.high))}]"
    return f"{form.format(scale(middle))}{ends}"
