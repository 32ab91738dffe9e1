"""What was asked and what was used, and learning curves over seeds."""

from __future__ import annotations

import importlib

import pytest

from harness.record import CurvePoint, Record

settings = importlib.import_module("harness.reports._settings")
learning = importlib.import_module("harness.reports._learning")


def texts(table):
    return [tuple(cell.text for cell in row) for row in table.rows]


@pytest.fixture
def tables(small):
    def made(*changes):
        return settings.settings([Record(small(**change)) for change in changes])

    return made


def test_settings_that_all_share_are_told_once_with_where_they_are_from(tables):
    shared, own = tables({"seed": 0, "asked": {"steps": 6}}, {"seed": 1, "asked": {"steps": 6}})
    assert ("steps", "6", "asked") in texts(shared)
    assert ("lr", "0.005", "default") in texts(shared)
    assert texts(own) == []


def test_settings_that_differ_are_told_with_whose_they_are(tables):
    _, own = tables(
        {"label": "lstm", "architecture_options": {"lstm.forget_bias": 1.0}},
        {
            "label": "lstm forget_bias=0",
            "architecture_options": {"lstm.forget_bias": 0.0},
            "asked": {"lstm.forget_bias": 0.0},
            "hidden_size": 9,
        },
    )
    assert ("lstm.forget_bias", "1.0", "lstm on copy", "default") in texts(own)
    assert ("lstm.forget_bias", "0.0", "lstm forget_bias=0 on copy", "asked") in texts(own)
    assert ("hidden_size", "9", "lstm forget_bias=0 on copy", "default") in texts(own)


def test_a_setting_that_only_some_have_is_among_those_that_differ(tables):
    shared, own = tables({"label": "a", "architecture_options": {"a.x": 1}}, {"label": "b"})
    assert ("a.x", "1", "a on copy", "default") in texts(own)
    assert "a.x" not in {row[0] for row in texts(shared)}


def test_what_was_asked_in_other_words_is_told_beside_what_came_of_it(tables):
    shared, _ = tables({"asked": {"params": 50_000}})
    assert ("params", "50000", "asked") in texts(shared)
    assert ("hidden_size", "8", "default") in texts(shared)


def test_the_environment_says_where_runs_differ(small):
    records = [Record(small(seed=n), environment={"torch": "2.13", "host": "a" if n else "b"}) for n in range(3)]
    assert texts(settings.environment(records)) == [("host", "a (2 runs); b (1 runs)"), ("torch", "2.13")]


def curve(*accuracies):
    return [CurvePoint(100 * (n + 1), 1.0, 1.0, accuracy) for n, accuracy in enumerate(accuracies)]


def test_a_seed_that_stopped_early_counts_on_with_its_last_accuracy(small):
    records = [
        Record(small(seed=0), "ok", curve=curve(0.2, 0.4, 0.6)),
        Record(small(seed=1), "ok", curve=curve(0.4, 1.0)),
    ]
    points = learning.learning_curves(records)["copy"]["lstm"][3]
    assert points == [(100, pytest.approx(0.3), 0.2, 0.4), (200, 0.7, 0.4, 1.0), (300, 0.8, 0.6, 1.0)]


def test_a_seed_is_left_out_before_its_first_validation(small):
    late = [CurvePoint(200, 1.0, 1.0, 1.0)]
    records = [Record(small(seed=0), "ok", curve=curve(0.2, 0.4)), Record(small(seed=1), "ok", curve=late)]
    assert learning.learning_curves(records)["copy"]["lstm"][3] == [(100, 0.2, 0.2, 0.2), (200, 0.7, 0.4, 1.0)]


def test_long_curves_are_thinned_and_keep_their_last_point(small):
    points = learning.learning_curves([Record(small(), "ok", curve=curve(*[0.5] * 334))])["copy"]["lstm"][3]
    assert len(points) <= 51
    assert (points[0][0], points[-1][0]) == (100, 33_400)
