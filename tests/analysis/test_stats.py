"""Statistics over seeds, held against scipy, closed forms and counting by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as reference

from harness.analysis import stats

VALUES = [0.31, 0.92, 0.55, 0.71, 0.64, 0.12, 0.87]


def test_the_interquartile_mean_leaves_out_a_quarter_at_both_ends():
    assert stats.interquartile_mean([0, 1, 2, 3, 100]) == 2
    assert stats.interquartile_mean([5, 1, 3]) == 3  # of three seeds none is left out
    assert stats.interquartile_mean([0.4]) == 0.4


@pytest.mark.parametrize("values", [VALUES, VALUES[:4]], ids=["seven seeds", "four seeds"])
def test_the_interval_of_a_mean_is_students(values):
    wanted = reference.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=reference.sem(values))
    assert stats.student_t(values) == pytest.approx(wanted)


def test_an_interval_is_cut_to_the_possible_range():
    low, high = stats.student_t([0.8, 1.0, 1.0, 0.9], 0.0, 1.0)
    assert 0.7 < low < 0.85
    assert high == 1.0
    assert stats.student_t([0.0, 1.0, 1.0, 0.9], 0.0, 1.0) == (0.0, 1.0)


def test_the_interval_of_a_median_lies_between_order_statistics():
    assert stats.median_interval([6, 2, 3, 4, 5, 1]) == (1, 6)
    assert stats.median_interval([*range(1, 9), math.inf]) == (2, 8)
    assert stats.median_interval([1, 2, 3, 4, 5]) is None
    assert stats.median_interval([]) is None


@pytest.mark.parametrize("seeds", range(6, 20))
def test_the_interval_of_a_median_holds_at_least_95_percent_and_no_narrower_one_does(seeds):
    low, _ = stats.median_interval(list(range(1, seeds + 1)))
    assert 2 * reference.binom.cdf(low - 1, seeds, 0.5) <= 0.05
    assert 2 * reference.binom.cdf(low, seeds, 0.5) > 0.05


def test_few_seeds_have_a_range_and_one_seed_has_nothing():
    assert stats.student_t([0.5, 0.6, 0.7]) is None
    assert stats.value_range([0.7, 0.5, 0.6]) == (0.5, 0.7)
    assert stats.value_range([0.5]) is None
    assert stats.sign_flip([0.3]) is None
    assert stats.paired({0: 1.0}, {0: 0.5}).p is None


def test_equal_seeds_have_an_interval_of_no_width():
    assert stats.student_t([1.0] * 5) == (1.0, 1.0)


@pytest.mark.parametrize(("solved", "of"), [(0, 5), (3, 5), (5, 5), (1, 1)])
def test_the_wilson_interval_is_the_closed_form(solved, of):
    z = reference.norm.ppf(0.975)
    share, weight = solved / of, 1 / (1 + z**2 / of)
    middle = weight * (share + z**2 / (2 * of))
    half = weight * z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    assert stats.wilson(solved, of) == pytest.approx((middle - half, middle + half), abs=1e-9)


def test_a_normalised_score_is_0_at_chance_and_1_at_perfection():
    assert stats.normalised(0.125, 0.125) == 0
    assert stats.normalised(1.0, 0.125) == 1
    assert stats.normalised(0.5, 0.75) == -1
    assert stats.normalised(1.0, 1.0) == 0


def test_steps_to_the_threshold_are_censored_at_the_budget():
    assert stats.steps_to_threshold([300, 100, 200])[0] == 200
    assert stats.steps_to_threshold([100, 200, None])[0] == 200
    assert stats.steps_to_threshold([100, 200])[0] == 150
    unreached = stats.steps_to_threshold([100, None, None])
    assert (unreached.median, unreached.reached, unreached.of) == (None, 1, 3)
    assert (unreached.interval, unreached.range) == (None, (100, math.inf))
    assert stats.steps_to_threshold([100, 200, 300, 400, 500, None]).interval == (100, math.inf)
    assert stats.steps_to_threshold([100, None]).median is None
    assert stats.steps_to_threshold([]) == (None, None, None, 0, 0)


@pytest.mark.parametrize("seeds", [2, 5, 8])
def test_the_sign_flip_test_agrees_with_scipys_exact_permutation_test(seeds):
    differences = np.random.default_rng(seeds).normal(0.4, 1, size=seeds)
    wanted = reference.permutation_test(
        (differences, np.zeros(seeds)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert stats.sign_flip(list(differences)) == pytest.approx(wanted.pvalue)


def test_the_sign_flip_test_of_many_seeds_agrees_with_scipys_within_sampling():
    differences = np.random.default_rng(1).normal(0.4, 1, size=20)
    wanted = reference.permutation_test(
        (differences, np.zeros(20)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    assert stats.sign_flip(list(differences)) == pytest.approx(wanted.pvalue, abs=0.015)


def test_without_any_difference_p_is_one():
    assert stats.sign_flip([0.0] * 5) == 1.0


def test_pairs_are_compared_over_the_seeds_that_both_have():
    found = stats.paired({0: 0.9, 1: 0.8, 2: 0.5, 9: 0.0}, {0: 0.5, 1: 0.8, 2: 0.6})
    assert found.seeds == 3
    assert found.difference == pytest.approx(0.1)
    assert found.better == pytest.approx((1 + 0.5 + 0) / 3)
    assert stats.paired({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize("tests", [1, 3, 15])
def test_seeds_needed_is_where_the_smallest_possible_p_gets_below_alpha(tests):
    seeds = stats.seeds_needed(tests)
    assert tests * stats.sign_flip([1.0] * seeds) <= stats.ALPHA
    assert tests * stats.sign_flip([1.0] * (seeds - 1)) > stats.ALPHA


def test_holm_steps_down_and_never_decreases():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert stats.holm([]) == []


def test_groups_are_the_largest_sets_without_a_pair_that_is_told_apart():
    names = ["lstm", "gru", "rnn", "deep"]
    assert stats.groups(names, []) == [("lstm", "gru", "rnn", "deep")]
    assert stats.groups(names, [("lstm", "rnn"), ("lstm", "deep"), ("gru", "deep")]) == [
        ("lstm", "gru"),
        ("gru", "rnn"),
        ("rnn", "deep"),
    ]
    assert stats.groups(names, itertools.combinations(names, 2)) == [(name,) for name in names]
    assert stats.groups([], []) == []


def test_groups_agree_with_looking_at_every_subset():
    names, generator = list("abcdefg"), np.random.default_rng(0)
    for _ in range(30):
        apart = [pair for pair in itertools.combinations(names, 2) if generator.random() < 0.4]
        alike = [
            set(some)
            for size in range(1, len(names) + 1)
            for some in itertools.combinations(names, size)
            if not any(a in some and b in some for a, b in apart)
        ]
        largest = [group for group in alike if not any(group < other for other in alike)]
        assert sorted(map(sorted, stats.groups(names, apart))) == sorted(map(sorted, largest))


def test_tiers_are_groups_in_order_of_which_all_members_are_told_apart():
    names = ["lstm", "gru", "rnn", "deep"]
    assert stats.tiers(names, []) == [("lstm", "gru", "rnn", "deep")]
    assert stats.tiers(names, [("deep", name) for name in ("lstm", "gru", "rnn")]) == [
        ("deep",),
        ("lstm", "gru", "rnn"),
    ]
    ahead_of_rnn = [(name, "rnn") for name in ("lstm", "gru", "deep")]
    assert stats.tiers(names, [*ahead_of_rnn, ("deep", "gru")]) == [("lstm", "gru", "deep"), ("rnn",)]
    assert stats.tiers([], []) == []


def test_no_tier_is_before_another_without_a_test_for_every_pair_of_members():
    names, generator = list("abcdef"), np.random.default_rng(0)
    for _ in range(200):
        ahead = [pair for pair in itertools.permutations(names, 2) if pair[0] < pair[1] and generator.random() < 0.7]
        found = stats.tiers(names, ahead)
        assert sorted(itertools.chain(*found)) == names
        for earlier, later in itertools.combinations(found, 2):
            assert set(itertools.product(earlier, later)) <= set(ahead)


def test_ranks_are_means_over_the_tasks_with_ties_shared():
    scores = {"copy": {"lstm": 0.9, "gru": 0.9, "rnn": 0.1}, "adding": {"lstm": 0.2, "gru": 0.8, "rnn": 0.1, "x": 1.0}}
    assert stats.mean_ranks(scores) == {"lstm": 1.75, "gru": 1.25, "rnn": 3.0}
    assert stats.mean_ranks({}) == {}
