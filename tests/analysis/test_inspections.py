"""Inspections over seeds: means, intervals, and sentences that claim no more than the seeds allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.inspections import summarise_inspections
from harness.inspection_record import DecodedByStep, GradientByLag, Inspection, ShownSequence, StateByLag


def made(label="lstm", seed=0, gain=0.9, start_gain=0.5, length=20, known=1.0):
    """An inspection whose gradient falls by a factor per step."""
    lags = list(range(length + 1))
    return Inspection(
        identity=f"{label}{seed}",
        label=label,
        task_label="first_token",
        length=length,
        seed=seed,
        accuracy=0.75,
        chance=0.5,
        start=GradientByLag(lags, [start_gain**lag for lag in lags]),
        trained=GradientByLag(lags, [gain**lag for lag in lags]),
        state=StateByLag([0, 1], [1.0, 0.9], [[1.0], [0.9]], [-0.1]),
        state_at_start=StateByLag([0, 1], [1.0, 0.5], [[1.0], [0.5]], [-0.7]),
        decoded=DecodedByStep([0, length], [1.0, known], [0.5, 0.5], [0.9, known], [1.0, known]),
        shown=ShownSequence(["A"], ["A"], ["B"]),
        internals={},
        time_scales=[],
        followers=[],
        gradient_norms=[(100, 1.0)],
    )


def test_each_architecture_is_described_in_words():
    (one,) = summarise_inspections([made(seed=seed) for seed in range(3)]).architectures
    assert one.seeds == 3
    assert one.gain == pytest.approx(0.9)
    assert one.sentences[:2] == [
        "At the start 1e-06 of the gradient of lstm is left 20 steps back in all 3 seeds; it shrinks by a factor of "
        "0.5 per step in the median.",
        "After training 12.2% of the gradient of lstm is left 20 steps back in all 3 seeds; it shrinks by a factor of "
        "0.9 per step in the median.",
    ]
    assert any(
        "decoded from lstm in 100% of sequences (50% by always naming the most frequent); its own answers are right in "
        "75% (chance 50%)." in s
        for s in one.sentences
    )


def with_norms(norms, seed=0, **settings):
    """An inspection whose gradient after training is of these norms."""
    return replace(made(seed=seed, **settings), trained=GradientByLag(list(range(len(norms))), norms))


def test_what_is_left_is_that_of_the_median_seed_with_the_lowest_and_the_highest():
    kept = [1.0, *[0.1] * 20]
    dead = [1.0, 0.5, *[0.0] * 19]
    found = [with_norms(dead), with_norms(kept, 1), with_norms(dead, 2)]
    (one,) = summarise_inspections(found).architectures
    assert one.sentences[1] == (
        "After training less than 1e-12 of the gradient of lstm is left 20 steps back "
        "(less than 1e-12 to 10.0% in 3 seeds)."
    )
    assert one.gradient.middle[20] == one.gradient.low[20] == pytest.approx(1e-12)
    assert one.gradient.high[20] == pytest.approx(0.1)
    (two,) = summarise_inspections(found[:2]).architectures
    assert "less than 1e-12 to 10.0% of the gradient of lstm is left 20 steps back in 2 seeds" in two.sentences[1]


def test_a_factor_per_step_is_named_only_where_a_straight_line_describes_the_gradient_of_every_seed():
    steps = range(21)
    straight = [with_norms([0.8**lag for lag in steps])]
    bent = [with_norms([0.3**lag + 0.002 for lag in steps], 1)]
    kept = [with_norms([1 + 0.05 * (-1) ** lag for lag in steps])]
    (one,), (two,), (three,) = (summarise_inspections(f).architectures for f in (straight, straight + bent, kept))
    assert "shrinks by a factor of 0.8 per step" in one.sentences[1]
    assert two.gain is None
    assert "factor" not in two.sentences[1]
    assert three.gain == pytest.approx(1.0, abs=0.01)


def test_the_middle_of_shares_is_the_median_on_a_logarithmic_scale_with_the_range_of_seeds():
    (one,) = summarise_inspections([made(gain=0.9), made(seed=1, gain=0.4)]).architectures
    assert one.gradient.middle[1] == pytest.approx(0.6)
    assert (one.gradient.low[1], one.gradient.high[1]) == pytest.approx((0.4, 0.9))


@pytest.mark.parametrize("gains", [(0.95, 0.3), (0.95, 0.95)])
def test_a_comparison_after_training_says_which_architecture_is_at_chance(gains):
    found = [made(label, seed, gain) for label, gain in zip(("lstm", "gru"), gains, strict=True) for seed in range(6)]
    found = [replace(one, accuracy=0.51) if one.label == "gru" else one for one in found]
    start, trained = summarise_inspections(found).comparisons
    assert trained.endswith("; gru is at chance.")
    assert "at chance" not in start


def test_architectures_that_differ_in_every_one_of_six_seeds_are_told_apart():
    seeds = range(6)
    inspections = [made("lstm", seed, gain=0.95) for seed in seeds] + [made("rnn", seed, gain=0.3) for seed in seeds]
    summary = summarise_inspections(inspections)
    assert any(
        sentence.startswith("After training the gradient of lstm reaches 5.2 times as far as that of rnn (p = 0.031")
        for sentence in summary.comparisons
    ), summary.comparisons


def test_few_seeds_tell_nothing_apart_and_say_how_many_it_takes():
    inspections = [made("lstm", 0, gain=0.95), made("rnn", 0, gain=0.3), made("lstm", 1), made("rnn", 1)]
    summary = summarise_inspections(inspections)
    assert all(
        "do not show which gradient reaches farther" in sentence and "from 6 seeds on" in sentence
        for sentence in summary.comparisons
    )


def test_one_architecture_is_compared_with_nothing():
    assert summarise_inspections([made(seed=seed) for seed in range(6)]).comparisons == []


def test_a_gradient_that_does_not_reach_back_is_said_in_words():
    one = made()
    dead = GradientByLag(one.start.lags, [1.0] + [0.0] * 20)
    (found,) = summarise_inspections([replace(one, trained=dead)]).architectures
    assert "After training no gradient of lstm reaches the input 20 steps back." in found.sentences


def test_a_model_that_makes_no_error_is_not_said_to_forget():
    (found,) = summarise_inspections([with_norms([0.0] * 21)]).architectures
    assert found.sentences[1] == (
        "After training the gradient of lstm is 0 at the last input, so there is nothing to take shares of (a model "
        "that makes no error has no gradient)."
    )
