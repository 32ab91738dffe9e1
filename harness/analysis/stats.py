"""Intervals and tests over seeds. The seed is the unit: every value here belongs to one seed.

Intervals are 95% intervals. Below `FEW` seeds no interval of a mean is given: reports show the lowest and the highest
seed instead and call it a range. A percentile bootstrap is not used: of three to six seeds it holds the mean in 76 to
85% of cases only (normal scores). tests/analysis/test_coverage.py simulates what the intervals here hold.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import NormalDist, fmean, median, stdev
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
CONFIDENCE = 0.95
ALPHA = 0.05
FEW = 4
"""Seeds from which on a mean has an interval: of fewer, Student's t spans most of the possible range."""
EXACT = 14  # seeds up to which the sign-flip test enumerates every pattern of signs: 16,384 of them
_FLIPS = 20_000  # patterns that are drawn beyond that


class Interval(NamedTuple):
    """From `low` to `high`, both included."""

    low: float
    high: float


def interquartile_mean(values: Sequence[float]) -> float:
    """Mean of the middle half: the lowest and the highest quarter are left out, rounded down to whole seeds."""
    cut = len(values) // 4
    return fmean(sorted(values)[cut : len(values) - cut])


def student_t(values: Sequence[float], low: float = -math.inf, high: float = math.inf) -> Interval | None:
    """Student's t interval of a mean, cut to the possible range `low` to `high`; None below `FEW` seeds.

    For values that scatter around one centre. Where some seeds learn a task and others do not, no interval of the mean
    is right for few seeds: count the seeds instead (`wilson`).
    """
    if len(values) < FEW:
        return None
    mean = fmean(values)
    half = _t_quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Interval(max(low, mean - half), min(high, mean + half))


@cache
def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit  # a tenth of a second; scipy.stats takes as long to import as all of MLflow

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def median_interval(values: Sequence[float]) -> Interval | None:
    """Interval of a median between two order statistics, exact for any distribution; infinite values are allowed.

    None below six seeds: even from the lowest to the highest of five it would hold the median in 93.75% only.
    """
    tail = _sign_quantile(len(values))
    if tail < 1:
        return None
    ordered = sorted(values)
    return Interval(float(ordered[tail - 1]), float(ordered[-tail]))


@cache
def _sign_quantile(of: int) -> int:
    """The lower 2.5 % quantile of how many of `of` fair coins show heads."""
    ways = itertools.accumulate(math.comb(of, heads) for heads in range(of + 1))
    return next(heads for heads, found in enumerate(ways) if found / 2**of >= (1 - CONFIDENCE) / 2)


def value_range(values: Iterable[float]) -> Interval | None:
    """From the lowest to the highest value; None for fewer than two."""
    ordered = sorted(values)
    return Interval(ordered[0], ordered[-1]) if len(ordered) > 1 else None


@cache
def wilson(solved: int, of: int) -> Interval:
    """Wilson's score interval of a share, `solved` of `of`; it has a width at 0 of n and at n of n too."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (solved + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * math.sqrt(solved * (of - solved) / of + z * z / 4)
    return Interval(0.0 if solved == 0 else middle - half, 1.0 if solved == of else middle + half)


def normalised(score: float, chance: float) -> float:
    """0 at chance, 1 at perfection, negative below chance; 0 where chance is perfect, as nothing can be learned."""
    return (score - chance) / (1 - chance) if chance < 1 else 0.0


class Steps(NamedTuple):
    """Training steps to the threshold over seeds; a seed that did not reach it counts as longer than the budget."""

    median: float | None  # None: the median seed did not reach it within the budget
    interval: Interval | None  # of the median; a bound of math.inf: not within the budget; None: too few seeds
    range: Interval | None  # lowest and highest seed; None for one seed
    reached: int
    of: int


def steps_to_threshold(steps: Sequence[int | None]) -> Steps:
    """Median of the steps to the threshold, censored at the budget (None: not reached within it)."""
    values = [math.inf if value is None else float(value) for value in steps]
    middle = median(values) if values else math.inf
    reached = sum(value is not None for value in steps)
    return Steps(
        None if math.isinf(middle) else middle, median_interval(values), value_range(values), reached, len(values)
    )


@dataclass(frozen=True)
class Paired:
    """Two sets of scores compared seed by seed: first minus second."""

    differences: tuple[float, ...]  # by seed
    limit: float = math.inf  # a mean difference is at most this, either way

    @property
    def seeds(self) -> int:
        return len(self.differences)

    @cached_property
    def difference(self) -> float:
        """Mean over seeds."""
        return fmean(self.differences)

    @cached_property
    def interval(self) -> Interval | None:
        """Of the mean difference; None below `FEW` seeds."""
        return student_t(self.differences, -self.limit, self.limit)

    @cached_property
    def range(self) -> Interval | None:
        """The lowest and the highest difference; None for one seed."""
        return value_range(self.differences)

    @cached_property
    def p(self) -> float | None:
        """Two-sided permutation test; None for one seed."""
        return sign_flip(self.differences)

    @cached_property
    def better(self) -> float:
        """Probability of improvement: share of seeds in which the first is higher, ties counted half."""
        return fmean(0.5 if difference == 0 else difference > 0 for difference in self.differences)


def paired(first: Mapping[int, float], second: Mapping[int, float], limit: float = math.inf) -> Paired | None:
    """Compares scores by seed over the seeds that both have; None where there are none."""
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    return Paired(tuple(first[seed] - second[seed] for seed in shared), limit)


def sign_flip(differences: Sequence[float]) -> float | None:
    """Two-sided p of a mean difference under random signs (Fisher's paired permutation test); None for one seed.

    Exact up to 14 seeds, so never below 2 / 2**seeds; beyond that over 20,000 seeded patterns and the observed one.
    """
    array = np.asarray(differences, float)
    if len(array) < 2:
        return None
    signs = sign_patterns(len(array))
    observed = abs(array.sum())
    extreme = np.abs(signs @ array) >= observed * (1 - 1e-9) - 1e-12  # so that rounding does not break ties
    return float(extreme.mean()) if len(array) <= EXACT else float((extreme.sum() + 1) / (len(signs) + 1))


@cache
def sign_patterns(seeds: int) -> Array:
    """Patterns of signs (patterns, seeds): all of them where they are few."""
    if seeds <= EXACT:
        return np.asarray(list(itertools.product((1.0, -1.0), repeat=seeds)))
    return np.random.default_rng(seeds).choice([1.0, -1.0], size=(_FLIPS, seeds))


def seeds_needed(tests: int, alpha: float = ALPHA) -> int:
    """The fewest seeds at which the sign-flip test can find anything, corrected for that many tests."""
    return math.ceil(math.log2(2 * max(tests, 1) / alpha))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's (1979) corrected p-values, in the order given: the chance of one false finding among all stays alpha."""
    order = np.argsort(ps)
    factors = np.arange(len(ps), 0, -1)
    corrected = np.minimum(np.maximum.accumulate(np.asarray(ps, float)[order] * factors), 1.0)
    result = np.empty(len(ps))
    result[order] = corrected
    return [float(value) for value in result]


def groups(names: Sequence[str], told_apart: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """The largest groups that cannot be told apart (Piepho 2004), in the order of `names`; they may overlap."""
    found = {frozenset(names)} if names else set()
    for first, second in told_apart:
        split = {group for group in found if first in group and second in group}
        found = (found - split) | {group - {name} for group in split for name in (first, second)}
        found = {group for group in found if not any(group < other for other in found)}
    rank = {name: index for index, name in enumerate(names)}
    ordered = [tuple(sorted(group, key=rank.__getitem__)) for group in found]
    return sorted(ordered, key=lambda group: [rank[name] for name in group])


def tiers(names: Sequence[str], ahead: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Groups in order: every member is ahead of all members of the later groups; within a group names keep their order.

    `ahead` holds the pairs (winner, loser) that a test tells apart. Without any there is one group of all names.
    """
    wins = set(ahead)
    found: list[tuple[str, ...]] = []
    for name in sorted(names, key=lambda name: sum((name, other) in wins for other in names), reverse=True):
        behind = [all((winner, name) in wins for winner in group) for group in found]
        place = behind.index(False) if False in behind else len(found)
        found[place:] = [(*itertools.chain(*found[place:]), name)]
    rank = {name: index for index, name in enumerate(names)}
    return [tuple(sorted(group, key=rank.__getitem__)) for group in found]


def mean_ranks(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean rank over tasks, 1 the best, ties shared: scores by task and name; over the names that every task has."""
    shared = sorted(set.intersection(*(set(by_name) for by_name in scores.values()))) if scores else []
    return {name: fmean(_rank(by_name, name, shared) for by_name in scores.values()) for name in shared}


def _rank(scores: Mapping[str, float], name: str, among: Sequence[str]) -> float:
    """1 for the highest score; those with the same one share the mean of their ranks."""
    higher = sum(scores[other] > scores[name] for other in among)
    same = sum(scores[other] == scores[name] for other in among)
    return higher + (same + 1) / 2
