"""The numbers of a report, counted by hand on small sweeps; and that nothing a sweep may hold brings them down."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis import stats
from harness.analysis.aggregation import NOT_A_NUMBER, summarise
from harness.record import Record, Scores
from harness.report import Results
from harness.spec import Planned

from ..made_up import as_results, made_up


@pytest.fixture
def record(small):
    def make(accuracy=0.5, status="ok", chance=0.2, **changes):
        spec = small(**{"label": "lstm", "length": 10, "steps": 100, **changes})
        scores = {spec.length: Scores(accuracy, 1.0, accuracy)} if status == "ok" else {}
        return Record(
            spec,
            status,
            "" if status == "ok" else "no luck",
            scores=scores,
            chances={spec.length: chance},
            solved_at=0.9,
        )

    return make


def only(records):
    (task,) = summarise(Results(records)).tasks
    return task


def test_a_failed_run_counts_as_chance_and_the_mean_without_it_is_given_too(record):
    (curve,) = only([record(1.0, seed=0), record(0.8, seed=1), record(status="diverged", seed=2)]).architectures
    cell = curve.lengths[10]
    assert cell.scores == {0: 1.0, 1: 0.8, 2: 0.2}
    assert cell.mean == pytest.approx(2 / 3)
    assert cell.mean_without_failed == pytest.approx(0.9)
    assert (cell.failed, cell.solving, cell.solved, cell.median) == (1, 1, False, 0.8)


def test_the_score_is_normalised_accuracy_over_all_lengths(record):
    (curve,) = only(
        [record(1.0), record(0.6, length=20), record(1.0, seed=1), record(0.2, length=20, seed=1)]
    ).architectures
    assert curve.by_seed == pytest.approx({0: 0.75, 1: 0.5})
    assert curve.score == pytest.approx(0.625)


def test_an_architecture_that_lacks_a_length_has_no_score_as_it_would_not_compare(record):
    task = only([record(1.0), record(0.6, length=20), record(1.0, label="gru")])
    assert {curve.label: curve.score for curve in task.architectures} == {"lstm": pytest.approx(0.75), "gru": None}


def test_architectures_that_are_not_told_apart_come_in_the_order_they_were_asked_for(record):
    accuracies = {"rnn": (0.95, 0.2), "gru": (0.3, 0.2), "lstm": (0.95, 0.95), "mgu": (0.95, 0.3)}
    records = [
        record(accuracy, label=label, length=length)
        for label, both in accuracies.items()
        for length, accuracy in zip((10, 20), both, strict=True)
    ]
    task = only(records)
    assert [(one.label, one.horizon) for one in task.architectures] == [
        ("rnn", 10),
        ("gru", None),
        ("lstm", 20),
        ("mgu", 10),
    ]


def test_tiers_that_are_told_apart_come_first_then_failed_then_refused(record):
    scores = {"rnn": 0.3, "lstm": 0.9, "gru": 0.91}
    records = [record(status="refused", label="big"), record(status="error", label="bad")]
    for label, accuracy in scores.items():
        order = range(9) if label != "gru" else range(8, -1, -1)
        records += [record(accuracy + 0.01 * seed, label=label, seed=place) for place, seed in enumerate(order)]
    task = only(records)
    assert task.tiers == [("lstm", "gru"), ("rnn",)]
    assert [one.label for one in task.architectures] == ["lstm", "gru", "rnn", "bad", "big"]


def test_a_gap_below_the_horizon_is_known(record):
    (curve,) = only([record(0.95, length=5), record(0.5), record(0.95, length=20)]).architectures
    assert (curve.horizon, curve.gaps) == (20, (10,))


def test_a_refused_architecture_is_in_the_list_and_in_no_comparison(record):
    task = only([record(0.9), record(status="refused", label="big"), record(0.5, label="gru")])
    refused = next(curve for curve in task.architectures if curve.label == "big")
    assert (refused.refused, refused.lengths, refused.score) == ("no luck", {}, None)
    assert [(pair.first, pair.second) for pair in task.pairs] == [("lstm", "gru")]


def test_a_refusal_at_some_lengths_only_counts_as_chance_there(record):
    (curve,) = only([record(0.95), record(status="refused", length=20)]).architectures
    assert curve.lengths[20].mean == 0.2


def test_pairs_are_compared_seed_by_seed_over_the_cells_that_both_have(record):
    records = [record(1.0, seed=0), record(1.0, seed=1), record(0.6, seed=0, label="gru"), record(0.2, length=20)]
    (pair,) = only(records).pairs
    assert (pair.paired.seeds, pair.paired.difference) == (1, pytest.approx(0.5))
    assert pair.p is None
    assert not pair.told_apart


def test_enough_seeds_tell_apart_what_differs_and_group_what_does_not(record):
    records = [record(0.9 + 0.01 * seed, seed=seed, label="lstm") for seed in range(7)]
    records += [record(0.9 + 0.01 * ((seed * 3) % 7), seed=seed, label="gru") for seed in range(7)]
    records += [record(0.3 + 0.01 * seed, seed=seed, label="rnn") for seed in range(7)]
    task = only(records)
    assert task.seeds_needed == 7
    assert {frozenset(group) for group in task.groups} == {frozenset(("lstm", "gru")), frozenset(("rnn",))}


def test_too_few_seeds_tell_nothing_apart_and_give_no_groups(record):
    task = only([record(a, seed=s, label=label) for s in range(5) for label, a in (("a", 1.0), ("b", 0.3), ("c", 0.2))])
    assert task.groups == []
    assert not any(pair.told_apart for pair in task.pairs)


def test_equal_seeds_give_intervals_without_width_and_no_nan(record):
    task = only([record(1.0, seed=s, label=label) for s in range(5) for label in ("lstm", "gru")])
    cell = task.architectures[0].lengths[10]
    assert cell.interval == cell.range == (1.0, 1.0)
    assert task.architectures[0].score_interval == (1.0, 1.0)
    assert set(task.architectures[0].horizons.values()) == {10}
    assert task.pairs[0].p == 1.0


def test_an_accuracy_that_is_no_number_is_a_failure(record):
    summary = summarise(Results([record(math.nan, seed=0), record(0.8, seed=1)]))
    assert summary.tasks[0].architectures[0].lengths[10].scores == {0: 0.2, 1: 0.8}
    assert [failure.reason for failure in summary.failures] == [NOT_A_NUMBER]


def test_interrupted_runs_are_missing_and_not_failed(record):
    task = only([record(0.9), record(status="interrupted", seed=1)])
    assert (task.missing, task.architectures[0].lengths[10].failed, task.seeds) == (1, 0, 1)


def test_what_is_missing_of_a_plan_is_counted_for_its_task(record):
    missing = [Planned("0", "copy", "lstm", 20, 0), Planned("1", "other", "lstm", 20, 0)]
    assert summarise(Results([record(0.9)], missing)).tasks[0].missing == 1


def test_an_architecture_all_of_whose_runs_failed_has_no_score_and_is_not_compared(record):
    records = [record(status="error", seed=0, label="bad"), record(status="timeout", seed=1, label="bad")]
    records += [record(0.1, seed=seed, label=label) for seed in range(2) for label in ("lstm", "gru")]
    summary = summarise(Results(records))
    (task,) = summary.tasks
    bad = task.architectures[-1]
    assert (bad.label, bad.failed, bad.ran, bad.score, bad.horizon) == ("bad", "error, timeout", False, None, None)
    assert [one.label for one in task.ran] == ["lstm", "gru"]
    assert [(pair.first, pair.second) for pair in task.pairs] == [("lstm", "gru")]
    assert len(summary.failures) == 2


def test_a_length_is_solved_when_its_median_seed_reaches_the_threshold(record):
    """Four seeds at 97, 97, 94 and 94%: two solve it, and the median of 95.5% reaches 95%."""
    records = [record(a, seed=seed) for seed, a in enumerate((0.97, 0.97, 0.94, 0.94))]
    (one,) = only([replace(r, solved_at=0.95) for r in records]).architectures
    at = one.lengths[10]
    assert (at.solving, at.solved, one.horizon) == (2, True, 10)


def test_where_some_seeds_solve_a_length_and_others_do_not_there_is_no_interval(record):
    (one,) = only([record(1.0 if seed < 3 else 0.2, seed=seed) for seed in range(5)]).architectures
    at = one.lengths[10]
    assert (at.mixed, at.interval, at.range, at.solving) == (True, None, (0.2, 1.0), 3)
    assert one.score_interval is None
    (alike,) = only([record(0.5 + 0.01 * seed, seed=seed) for seed in range(5)]).architectures
    assert alike.lengths[10].interval == pytest.approx(stats.student_t([0.5, 0.51, 0.52, 0.53, 0.54]))


def test_the_horizon_of_each_seed_is_known(record):
    accuracies = {0: (1.0, 1.0), 1: (1.0, 0.3), 2: (0.3, 0.3)}
    records = [
        record(a, seed=s, length=n) for s, both in accuracies.items() for n, a in zip((10, 20), both, strict=True)
    ]
    (one,) = only(records).architectures
    assert (one.horizons, one.horizon) == ({0: 20, 1: 10, 2: 0}, 10)


def test_sizes_that_differ_more_than_twofold_are_known(record):
    small, large = record(0.9), record(0.9, label="gru")
    small.parameters, large.parameters = {"architecture": 100}, {"architecture": 201}
    assert [one.label for one in only([small, large]).sizes_differ] == ["lstm", "gru"]
    large.parameters = {"architecture": 200}
    assert only([small, large]).sizes_differ is None
    assert only([record(0.9)]).sizes_differ is None


def test_without_any_known_chance_there_is_no_cell(record):
    failed = replace(record(status="error"), chances={})
    assert only([failed]).architectures[0].lengths == {}


def test_without_records_there_are_no_numbers():
    assert summarise(Results([])) == summarise(Results([]))
    assert summarise(Results([])).tasks == ()


def test_ranks_are_over_the_architectures_that_every_task_has():
    summary = summarise(as_results(made_up(seeds=9)))
    assert any(pair.told_apart for task in summary.tasks for pair in task.pairs)
    assert "bidirectional:lstm" not in summary.ranks  # refused on parentheses
    assert min(summary.ranks, key=summary.ranks.get) == "deep:gru"
    assert summarise(as_results(made_up(tasks=["copy"], seeds=9))).ranks == {}


def test_where_no_test_tells_any_two_apart_there_are_no_ranks():
    summary = summarise(as_results(made_up(seeds=2)))
    assert len(summary.tasks) > 1
    assert summary.ranks == {}


def test_every_cell_of_a_big_sweep_is_made_of_its_own_records():
    records = made_up()
    by_cell = {}
    for one in records:
        by_cell.setdefault((one.spec.task_label, one.spec.label, one.spec.length), []).append(one.score)
    summary = summarise(as_results(records))
    cells = {
        (t.label, c.label, n): cell for t in summary.tasks for c in t.architectures for n, cell in c.lengths.items()
    }
    assert len(cells) == 3 * 6 * 6 - 6
    for key, cell in cells.items():
        assert cell.mean == pytest.approx(sum(by_cell[key]) / 5)
        assert cell.range == (min(by_cell[key]), max(by_cell[key]))
        assert cell.mixed or cell.interval == pytest.approx(stats.student_t(by_cell[key], 0, 1))
