"""One-sided tests: exact whatever the seeds scatter like, with a smallest possible p, and seeds that would decide."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest
from scipy import stats as scipy_stats

from harness.analysis import directed
from harness.analysis.stats import ALPHA

DRAWS = 2000
NOISE = {
    "scattered": lambda draw: draw.gauss(0.5, 0.1),
    "learned or not": lambda draw: float(draw.random() < 0.5),
    "mostly learned": lambda draw: 0.0 if draw.random() < 0.15 else draw.gauss(0.95, 0.01),
    "skewed": lambda draw: draw.expovariate(5),
    "one of two steps": lambda draw: draw.choice([10.0, 20.0, 40.0]),
}


def at_most_with_chance(alpha: float) -> float:
    """What a share of 2000 draws stays below with a probability of 99.9 %, where its expectation is `alpha`."""
    return alpha + 3.1 * math.sqrt(alpha * (1 - alpha) / DRAWS)


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("seeds", [5, 8])
def test_two_that_are_the_same_are_found_different_no_more_often_than_promised(noise, seeds):
    draw = random.Random(f"{noise} {seeds}")
    found = 0
    for _ in range(DRAWS):
        differences = [NOISE[noise](draw) - NOISE[noise](draw) for _ in range(seeds)]
        found += directed.above_zero(differences) <= ALPHA
    assert found / DRAWS <= at_most_with_chance(ALPHA)


def test_a_t_test_finds_more_than_promised_where_differences_are_steps():
    draw, alpha, found, exact = random.Random(0), ALPHA / 4, 0, 0  # as for the smallest p of four expectations
    for _ in range(DRAWS):
        differences = [draw.choice([-1.0, 1.0]) for _ in range(5)]
        spread = stdev(differences)
        t = fmean(differences) / spread * math.sqrt(5) if spread else math.copysign(math.inf, differences[0])
        found += scipy_stats.t.sf(t, 4) <= alpha
        exact += directed.above_zero(differences) <= alpha
    assert found / DRAWS > at_most_with_chance(alpha)
    assert exact / DRAWS <= alpha


@pytest.mark.parametrize("seeds", [3, 5, 8, 12])
def test_no_p_is_smaller_than_the_number_of_seeds_allows(seeds):
    assert directed.above_zero([1.0] * seeds) == 0.5**seeds
    assert directed.below_zero([1.0] * seeds) == 1.0
    assert directed.share_above(seeds, seeds) == pytest.approx(0.5**seeds)


def test_many_seeds_are_drawn_from():
    assert directed.above_zero([1.0] * 20) == pytest.approx(1 / 20_001)


def test_infinite_differences_count_as_the_largest():
    assert directed.above_zero([math.inf, 1.0, 2.0]) == directed.above_zero([2.0, 1.0, 2.0])
    assert directed.bounded([math.inf, -math.inf]) == [1.0, -1.0]


def test_without_data_nothing_is_found():
    assert directed.above_zero([]) == directed.share_above(0, 0) == directed.share_below(0, 0) == 1.0
    assert directed.seeds_for_share(0, 0, 0.5, 1) is None
    assert directed.seeds_for_difference([], 1) is None


@pytest.mark.parametrize(("tests", "seeds"), [(1, 5), (2, 6), (3, 6), (4, 7), (6, 7), (7, 8), (12, 8), (13, 9)])
def test_the_fewest_seeds_are_those_at_which_the_smallest_p_survives_the_correction(tests, seeds):
    assert directed.fewest_seeds(tests) == seeds
    assert 0.5**seeds * tests <= ALPHA < 0.5 ** (seeds - 1) * tests


def test_the_seeds_that_would_decide_do_so_as_often_as_promised():
    draw = random.Random(1)
    pilot = [draw.gauss(0.5, 1.0) for _ in range(8)]
    seeds = directed.seeds_for_difference(pilot, 1)
    assert seeds is not None
    centre, spread = fmean(pilot), stdev(pilot)
    found = sum(
        directed.above_zero([math.copysign(1, centre) * draw.gauss(centre, spread) for _ in range(seeds)]) <= ALPHA
        for _ in range(300)
    )
    assert found / 300 > directed.POWER - 0.1


def test_where_there_is_no_difference_no_number_of_seeds_is_named():
    assert directed.seeds_for_difference([0.0] * 6, 1) is None
    assert directed.seeds_for_difference([1.0, -0.99, 1.0, -0.99], 1) is None
    assert directed.seeds_for_share(5, 10, 0.5, 1) is None


def test_a_share_far_from_the_bound_is_decided_by_few_more():
    seeds = directed.seeds_for_share(4, 4, 0.5, 1)
    assert seeds is not None
    assert 5 <= seeds <= 12
