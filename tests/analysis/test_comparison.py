"""Old and new compared seed by seed: by a test where there are seeds enough, carefully where there are not."""

from __future__ import annotations

import pytest

from harness.analysis.aggregation import summarise
from harness.analysis.comparison import against, since
from harness.record import Record, Scores
from harness.report import Results


@pytest.fixture
def sweep(small):
    """A summary of accuracies over seeds, by architecture."""

    def make(**accuracies):
        records = [
            Record(
                small(label=label, length=10, seed=seed),
                "ok",
                scores={10: Scores(accuracy, 1.0, 0.0)},
                chances={10: 0.0},
                solved_at=0.9,
            )
            for label, by_seed in accuracies.items()
            for seed, accuracy in enumerate(by_seed)
        ]
        return summarise(Results(records))

    return make


def verdicts(old, new):
    return {change.new.label: change.verdict for change in since(old, new)[0]}


def test_the_same_scores_are_the_same(sweep):
    assert verdicts(sweep(lstm=[0.9, 0.8]), sweep(lstm=[0.9, 0.8])) == {"lstm": "same"}


def test_few_seeds_raise_an_alarm_only_where_all_go_down_by_more_than_the_margin(sweep):
    old = sweep(a=[0.9, 0.8], b=[0.9, 0.8], c=[0.9, 0.8], d=[0.9, 0.8])
    new = sweep(a=[0.8, 0.7], b=[0.89, 0.79], c=[0.5, 0.81], d=[0.95, 0.95])
    assert verdicts(old, new) == {"a": "worse", "b": "same", "c": "same", "d": "better"}
    change = next(change for change in since(old, new)[0] if change.new.label == "a")
    assert change.reason == "-0.100 of the score, 2 seeds; 4 tests need 8; every seed goes that way"


def test_many_seeds_are_tested(sweep):
    old = sweep(lstm=[0.9] * 10)
    assert verdicts(old, sweep(lstm=[0.89 - 0.001 * n for n in range(10)])) == {"lstm": "worse"}
    assert verdicts(old, sweep(lstm=[0.5, *[0.901] * 9])) == {"lstm": "same"}
    assert verdicts(old, sweep(lstm=[0.95] * 10)) == {"lstm": "better"}


def test_p_is_corrected_for_all_that_are_compared_together(sweep):
    names = [f"cell{n}" for n in range(8)]
    old, new = sweep(**{name: [0.9] * 9 for name in names}), sweep(**{name: [0.5] * 9 for name in names})
    assert [change.p for change in since(old, new)[0]] == pytest.approx([8 * 2 / 2**9] * 8)


def test_the_reason_of_a_pair_says_which_minus_which(sweep):
    summary = sweep(gate=[0.9, 0.8], lstm=[0.5, 0.4])
    (change,) = against(summary, "gate", "lstm", ["copy"])
    assert change.reason_of_pair == "gate minus lstm +0.400 of the score, 2 seeds; a test needs 6"
    (change,) = against(summary, "lstm", "gate", ["copy"])
    assert change.reason_of_pair == "lstm minus gate -0.400 of the score, 2 seeds; a test needs 6"
    (change,) = against(sweep(gate=[0.9], lstm=[0.9]), "gate", "lstm", ["copy"])
    assert change.reason_of_pair.startswith("gate minus lstm +0.000")


def test_one_seed_is_compared_and_has_no_p(sweep):
    (change,) = since(sweep(lstm=[0.9]), sweep(lstm=[0.5]))[0]
    assert (change.verdict, change.p) == ("worse", None)
    assert "1 seed; a test needs 6" in change.reason


def test_what_is_not_there_any_more_is_told(sweep):
    changes, gone = since(sweep(lstm=[0.9], gru=[0.9]), sweep(lstm=[0.9], new=[0.1]))
    assert [change.new.label for change in changes] == ["lstm"]
    assert gone == [("copy", "gru")]


def test_a_run_that_fails_now_is_worse(sweep, small):
    failed = Record(small(label="lstm", length=10), "diverged", chances={10: 0.0})
    assert verdicts(sweep(lstm=[0.9]), summarise(Results([failed]))) == {"lstm": "worse"}


def test_one_architecture_against_another_is_second_minus_first(sweep):
    few = sweep(lstm=[0.9, 0.8], rnn=[0.2, 0.1])
    (change,) = against(few, "lstm", "rnn", ["copy"])
    assert (change.old.label, change.new.label, change.verdict) == ("lstm", "rnn", "same")  # too few seeds for a test
    assert change.paired.difference == pytest.approx(-0.7)
    (change,) = against(sweep(lstm=[0.9] * 6, rnn=[0.1] * 6), "lstm", "rnn", ["copy"])
    assert change.verdict == "worse"


def test_the_reason_says_for_how_many_comparisons_p_is_corrected(sweep):
    old, new = sweep(a=[0.9] * 9, b=[0.9] * 9), sweep(a=[0.5] * 9, b=[0.5] * 9)
    assert "corrected for 2 comparisons" in since(old, new)[0][0].reason
    assert "corrected" not in since(sweep(a=[0.9] * 9), sweep(a=[0.5] * 9))[0][0].reason
