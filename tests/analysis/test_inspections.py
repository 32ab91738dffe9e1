"""Inspections over seeds: means, intervals, and sentences that claim no more than the seeds allow."""

from __future__ import annotations

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
    assert "At the start a signal of lstm shrinks by a factor of 0.5 per step; 20 steps back 1e-06 of it is left." in (
        one.sentences
    )
    assert "After training a signal of lstm shrinks by a factor of 0.9 per step; 20 steps back 12.2% is left." in (
        one.sentences
    )
    assert any(
        "decoded from lstm in 100% of sequences (chance 50%); its own answers are right in 75%" in s
        for s in one.sentences
    )


def test_the_mean_of_shares_is_geometric_with_the_range_of_few_seeds():
    (one,) = summarise_inspections([made(gain=0.9), made(seed=1, gain=0.4)]).architectures
    assert one.gradient.middle[1] == pytest.approx(0.6)
    assert (one.gradient.low[1], one.gradient.high[1]) == pytest.approx((0.4, 0.9))


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
    assert all("not told apart" in sentence and "from 6 seeds on" in sentence for sentence in summary.comparisons)


def test_one_architecture_is_compared_with_nothing():
    assert summarise_inspections([made(seed=seed) for seed in range(6)]).comparisons == []


def test_a_gradient_that_does_not_reach_back_is_said_in_words():
    one = made()
    dead = GradientByLag(one.start.lags, [1.0] + [0.0] * 20)
    from dataclasses import replace

    (found,) = summarise_inspections([replace(one, trained=dead)]).architectures
    assert "After training no gradient of lstm reaches earlier inputs." in found.sentences
