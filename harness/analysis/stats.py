"""Intervals and tests over seeds. The seed is the unit: every value here is one seed's, and nothing is drawn unseeded.

Intervals are 95 % unless told otherwise. A percentile bootstrap of five seeds is too narrow (about 84 % instead of 95 %
for a mean of normal values): it shows the spread, and says nothing alone about a difference; the tests do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

Array = NDArray[Any]
CONFIDENCE = 0.95
ALPHA = 0.05
FEW = 5  # seeds; fewer are warned of
_RESAMPLES = 10_000
_EXACT = 14  # seeds up to which every pattern of signs is looked at: 16,384 of them
_FLIPS = 20_000  # patterns drawn beyond that


class Interval(NamedTuple):
    """From `low` to `high`, both included."""

    low: float
    high: float


def interquartile_mean(values: Sequence[float]) -> float:
    """Mean of the middle half: the lowest and the highest quarter are left out, rounded down to whole seeds."""
    return float(scipy_stats.trim_mean(np.asarray(values, float), 0.25))


def bootstrap(
    values: Sequence[float],
    statistic: Callable[[Array], Array] = lambda rows: rows.mean(axis=1),
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """Percentile bootstrap interval of a statistic of the rows of an array (resamples, seeds); None for one seed.

    Seeded. The bounds are values that a resample had: equal seeds give an interval of no width, infinity does no harm.
    """
    array = np.asarray(values, float)
    if len(array) < 2:
        return None
    return percentiles(statistic(array[resamples(len(array))]), confidence)


def bootstrap_interquartile_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    return bootstrap(values, lambda rows: np.asarray(scipy_stats.trim_mean(rows, 0.25, axis=1)), confidence)


def percentiles(drawn: Array, confidence: float = CONFIDENCE) -> Interval:
    """The middle share `confidence` of what resampling gave."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(low), float(high))


@cache
def resamples(seeds: int) -> Array:
    """Indices (resamples, seeds), drawn with replacement, always the same."""
    return np.random.default_rng(seeds).integers(seeds, size=(_RESAMPLES, seeds))


def wilson(solved: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share, `solved` of `of`; honest at 0 of n and n of n too."""
    found = scipy_stats.binomtest(solved, of).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def normalised(score: float, chance: float) -> float:
    """0 at chance, 1 at perfection, negative below chance; 0 where chance is perfect, as nothing can be learned."""
    return (score - chance) / (1 - chance) if chance < 1 else 0.0


def horizon(scores: Mapping[int, Sequence[float]], solved_at: float) -> int | None:
    """The longest length solved, None where none is: a length is solved when the median seed reaches `solved_at`.

    The median, so that one failed seed of five does not undo what four have shown. Lengths that are shorter count for
    themselves: a gap below the horizon is the caller's to tell.
    """
    solved = [length for length, values in scores.items() if len(values) and np.median(values) >= solved_at]
    return max(solved, default=None)


def horizon_interval(scores: Mapping[int, Mapping[int, float]], solved_at: float) -> Interval | None:
    """Bootstrap interval of the horizon by resampling whole seeds: scores by length and seed; 0 stands for none.

    None for fewer than two seeds that have every length.
    """
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in scores.values()))) if scores else []
    if len(seeds) < 2:
        return None
    drawn = resamples(len(seeds))
    longest = np.zeros(len(drawn))
    for length in sorted(scores):
        values = np.asarray([scores[length][seed] for seed in seeds])
        solved = np.median(values[drawn], axis=1) >= solved_at
        longest = np.where(solved, length, longest)
    return percentiles(longest)


class Steps(NamedTuple):
    """Steps to solve over seeds, those that did not solve it counted as longer than the budget."""

    median: float | None  # None: the median seed did not solve it within the budget
    interval: Interval | None  # a bound of math.inf: not within the budget
    solved: int
    of: int


def steps_to_solve(steps: Sequence[int | None]) -> Steps:
    """Median and interval of steps to solve, censored at the budget (None: not solved within it)."""
    values = [math.inf if value is None else float(value) for value in steps]
    median = _median(np.asarray([values]))[0] if values else math.inf
    solved = sum(value is not None for value in steps)
    return Steps(None if math.isinf(median) else float(median), bootstrap(values, _median), solved, len(values))


def _median(rows: Array) -> Array:
    """Of each row; the mean of the two middle values, infinite where one of them is."""
    ordered, half = np.sort(rows, axis=1), rows.shape[1] // 2
    return ordered[:, half] if rows.shape[1] % 2 else (ordered[:, half - 1] + ordered[:, half]) / 2


@dataclass(frozen=True)
class Paired:
    """Two sets of scores compared seed by seed: first minus second."""

    differences: tuple[float, ...]  # by seed

    @property
    def seeds(self) -> int:
        return len(self.differences)

    @cached_property
    def difference(self) -> float:
        """Mean over seeds."""
        return fmean(self.differences)

    @cached_property
    def interval(self) -> Interval | None:
        """Bootstrap interval of the mean."""
        return bootstrap(self.differences)

    @cached_property
    def p(self) -> float | None:
        """Two-sided permutation test; None for one seed."""
        return sign_flip(self.differences)

    @cached_property
    def better(self) -> float:
        """Probability of improvement: share of seeds in which the first is higher, ties counted half."""
        return fmean(0.5 if difference == 0 else difference > 0 for difference in self.differences)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Paired | None:
    """Compares scores by seed over the seeds that both have; None where there are none."""
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    return Paired(tuple(first[seed] - second[seed] for seed in shared))


def sign_flip(differences: Sequence[float]) -> float | None:
    """Two-sided p of a mean difference under random signs (Fisher's paired permutation test); None for one seed.

    Exact up to 14 seeds, so never below 2 / 2**seeds; beyond that over 20,000 seeded patterns and the observed one.
    """
    array = np.asarray(differences, float)
    if len(array) < 2:
        return None
    signs = _signs(len(array))
    observed = abs(array.sum())
    extreme = np.abs(signs @ array) >= observed * (1 - 1e-9) - 1e-12  # ties as ties, whatever the last bit says
    return float(extreme.mean()) if len(array) <= _EXACT else float((extreme.sum() + 1) / (len(signs) + 1))


@cache
def _signs(seeds: int) -> Array:
    """Patterns of signs (patterns, seeds): all of them where they are few."""
    if seeds <= _EXACT:
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


def mean_ranks(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean rank over tasks, 1 the best, ties shared: scores by task and name; over the names that every task has."""
    shared = sorted(set.intersection(*(set(by_name) for by_name in scores.values()))) if scores else []
    ranks = [scipy_stats.rankdata([-by_name[name] for name in shared]) for by_name in scores.values()]
    return {name: float(np.mean([rank[index] for rank in ranks])) for index, name in enumerate(shared)}
