"""Tests of statements that were made beforehand: one-sided, exact for few seeds. The seed is the unit.

Differences are tested by signs flipped at random (Fisher's permutation test). Where both are the same it takes no
distribution for granted. A t-test of few seeds takes normal scatter for granted: where every seed differs by the same
step, as horizons do, its p is 0 with three seeds. The price is a smallest possible p of 1 / 2**seeds, which a
correction for many expectations must leave room for. Where a difference of a certain size was claimed, the differences
around it are taken to be symmetric.
Values are tested by counting seeds (sign test of a median, binomial test of a share), so that a seed that never got
there counts as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np
from scipy import stats as scipy_stats

from harness.analysis.stats import ALPHA, EXACT, sign_patterns

POWER = 0.8
"""Probability with which 'seeds that would decide' decide, if further seeds are like those that are there."""
MOST_SEEDS = 200
"""More seeds than this are not proposed to anybody."""


def above_zero(differences: Sequence[float]) -> float:
    """One-sided p of a mean difference above 0, under random signs; 1 without data. Infinite ones count as the largest.

    Exact up to 14 seeds, so never below 1 / 2**seeds; beyond that over 20,000 seeded patterns and the observed one.
    """
    if not differences:
        return 1.0
    array = np.asarray(bounded(differences))
    signs = sign_patterns(len(array))
    observed = array.sum()
    extreme = signs @ array >= observed - 1e-9 * abs(observed) - 1e-12  # so that rounding does not break ties
    return float(extreme.mean()) if len(array) <= EXACT else float((extreme.sum() + 1) / (len(signs) + 1))


def below_zero(differences: Sequence[float]) -> float:
    """The same for a mean difference below 0."""
    return above_zero([-value for value in differences])


def bounded(differences: Sequence[float]) -> list[float]:
    """The differences with infinite ones set to the largest finite one, or to 1 where there is none."""
    largest = max((abs(value) for value in differences if math.isfinite(value)), default=0.0) or 1.0
    return [value if math.isfinite(value) else math.copysign(largest, value) for value in differences]


def share_above(successes: int, of: int, share: float = 0.5) -> float:
    """One-sided p of a share of seeds of at least `share` (exact binomial); 1 without data."""
    return float(scipy_stats.binom.sf(successes - 1, of, share)) if of else 1.0


def share_below(successes: int, of: int, share: float = 0.5) -> float:
    """One-sided p of a share of seeds below `share`; 1 without data."""
    return float(scipy_stats.binom.cdf(successes, of, share)) if of else 1.0


def fewest_seeds(tests: int, share: float = 0.5) -> int:
    """The fewest seeds at which an expectation can be confirmed, corrected for that many: 1 > 5, 3 > 6, 6 > 7.

    `share`: of the seeds that a value is expected in; 0.5 for a median and for a difference.
    """
    return math.ceil(math.log(ALPHA / max(tests, 1)) / math.log(share) - 1e-9)


def seeds_for_difference(differences: Sequence[float], tests: int) -> int | None:
    """About how many seeds would tell the mean from 0, if further ones scatter as these do; None: not to be told."""
    values = bounded(differences)
    if len(values) < 2 or fmean(values) == 0:
        return None
    spread = stdev(values)
    fewest = fewest_seeds(tests)
    if spread == 0:
        return fewest
    quantiles = scipy_stats.norm.ppf([1 - ALPHA / max(tests, 1), POWER]).sum()
    seeds = max(math.ceil((quantiles * spread / fmean(values)) ** 2) + 1, fewest, len(values) + 1)
    return seeds if seeds <= MOST_SEEDS else None


def seeds_for_share(successes: int, of: int, share: float, tests: int) -> int | None:
    """About how many seeds would tell their share from `share`, if further ones are like these; None: not known."""
    if not of:
        return None
    likely = (successes + 0.5) / (of + 1)
    alpha = ALPHA / max(tests, 1)
    for seeds in range(of + 1, MOST_SEEDS + 1):
        counts = np.arange(seeds + 1)
        p = (
            scipy_stats.binom.sf(counts - 1, seeds, share)
            if likely > share
            else scipy_stats.binom.cdf(counts, seeds, share)
        )
        if float(scipy_stats.binom.pmf(counts, seeds, likely)[p <= alpha].sum()) >= POWER:
            return seeds
    return None
