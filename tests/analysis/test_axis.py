"""Accuracy against another axis than the length: which values, which lines."""

from __future__ import annotations

import pytest

from harness.analysis.axis import axes_of, relations, value_of, without
from harness.record import Record, Scores
from harness.report import Results


@pytest.fixture
def record(small):
    def make(accuracy=0.5, state_size=None, parameters=None, **changes):
        spec = small(**{"length": 10, **changes})
        return Record(
            spec,
            "ok",
            scores={spec.length: Scores(accuracy, 1.0, 0.0)},
            chances={spec.length: 0.1},
            state_size=state_size,
            parameters={"architecture": parameters} if parameters else {},
            solved_at=0.9,
        )

    return make


@pytest.fixture
def sizes(record):
    """Two architectures in three sizes, two seeds."""
    return [
        record(0.1 + 0.2 * place, label=f"{name} hidden_size={size}", hidden_size=size, seed=seed, state_size=2 * size)
        for name in ("lstm", "gru")
        for place, size in enumerate((32, 8, 16))
        for seed in range(2)
    ]


def test_sizes_of_one_architecture_are_points_of_one_line_in_order(sizes):
    (relation,) = relations(Results(sizes), "state_size")
    assert (relation.task, relation.length, relation.chance) == ("copy", 10, 0.1)
    assert list(relation.lines) == ["lstm", "gru"]
    assert {size: at.mean for size, at in relation.lines["lstm"].items()} == pytest.approx({16: 0.3, 32: 0.5, 64: 0.1})
    assert list(relation.lines["lstm"]) == [16, 32, 64]
    assert relation.lines["gru"][16].seeds == 2


def test_variants_of_a_task_are_points_where_the_axis_is_its_option(record):
    records = [record(task_label=f"recall pairs={n}", task_options={"pairs": n}) for n in (2, 4)]
    (relation,) = relations(Results(records), "pairs")
    assert (relation.task, list(relation.lines["lstm"])) == ("recall", [2, 4])


def test_each_length_is_a_relation_of_its_own(record):
    records = [record(length=n, lr=lr, label=f"lstm lr={lr}") for n in (10, 20) for lr in (0.1, 0.01)]
    assert [(one.length, list(one.lines["lstm"])) for one in relations(Results(records), "lr")] == [
        (10, [0.01, 0.1]),
        (20, [0.01, 0.1]),
    ]


def test_what_has_no_number_there_is_left_out(record):
    records = [record(label="mlp"), record(label="lstm", state_size=8)]
    (relation,) = relations(Results(records), "state_size")
    assert list(relation.lines) == ["lstm"]
    assert value_of(record(architecture_options={"lstm.init": "chrono"}), "init") is None
    assert value_of(record(architecture_options={"lstm.norm": True}), "norm") is None


def test_the_axes_are_what_takes_several_numbers(sizes, record):
    assert {"state_size", "hidden_size"} <= set(axes_of(sizes))
    assert "seed" not in axes_of(sizes)
    assert "lr" not in axes_of(sizes)
    leaks = [record(architecture_options={"cell.leak": leak}) for leak in (0.1, 0.2)]
    assert axes_of(leaks) == ["cell.leak", "leak"]


def test_labels_keep_what_the_axis_does_not_show():
    assert without("lstm hidden_size=16 leak=0.1", "state_size") == "lstm leak=0.1"
    assert without("lstm leak=0.1", "lstm.leak") == "lstm"
    assert without("lstm", "lr") == "lstm"
