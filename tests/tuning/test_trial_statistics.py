"""The expected best of n trials, against every way to draw them."""

from itertools import product
from statistics import fmean

import pytest

from harness.tuning.trial_statistics import expected_best


@pytest.mark.parametrize("values", [[0.3], [0.2, 0.9], [0.5, 0.1, 0.4], [0.7, 0.7, 0.2, 0.9]])
@pytest.mark.parametrize("maximises", [True, False])
def test_expected_best_is_the_mean_over_every_draw_with_replacement(values, maximises):
    better = max if maximises else min
    brute = [fmean(better(draw) for draw in product(values, repeat=n)) for n in range(1, len(values) + 1)]
    assert expected_best(values, maximises) == pytest.approx(brute, abs=1e-12)


def test_expected_best_of_one_trial_is_the_mean_and_never_passes_the_best():
    values = [0.1, 0.4, 0.8, 0.2]
    best = expected_best(values)
    assert best[0] == pytest.approx(fmean(values))
    assert sorted(best) == best
    assert best[-1] < 0.8
