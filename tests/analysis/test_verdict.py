"""The sentences at the top of every report: what they say, and what they take care not to say."""

from __future__ import annotations

import pytest

from harness.analysis import verdict
from harness.analysis.summary import summarise
from harness.record import Record, Scores
from harness.report import Results


@pytest.fixture
def task(small):
    """A task from accuracies by architecture: a list over lengths 10, 50, ... of lists over seeds."""

    def make(solved_at=0.95, **accuracies):
        records = [
            Record(
                small(label=label, length=length, seed=seed),
                "ok",
                scores={length: Scores(accuracy, 1.0, 0.0)},
                chances={length: 0.125},
                solved_at=solved_at,
            )
            for label, by_length in accuracies.items()
            for length, by_seed in zip((10, 50, 100), by_length, strict=False)
            for seed, accuracy in enumerate(by_seed)
        ]
        return summarise(Results(records)).tasks[0]

    return make


FINE, POOR = [0.96, 0.97, 0.98, 0.99, 1.0], [0.2, 0.21, 0.22, 0.23, 0.24]


def test_the_headline_says_who_solves_how_much(task):
    made = task(lstm=[FINE, FINE, POOR], gru=[FINE, FINE, POOR], rnn=[FINE, POOR, POOR])
    assert verdict.headline(made) in (
        "lstm and gru solve copy up to T=50; rnn up to T=10.",
        "gru and lstm solve copy up to T=50; rnn up to T=10.",
    )


def test_of_a_task_that_nobody_solves_outright_the_headline_says_how_right_each_is(task):
    made = task(solved_at=1.0, lstm=[POOR, [0.4]], gru=[POOR, [0.5]])
    assert verdict.headline(made) == "copy at T=50: gru 50.0% and lstm 40.0% right (chance 12.5%)."


def test_the_headline_says_who_solves_nothing(task):
    assert verdict.headline(task(lstm=[FINE], rnn=[POOR])) == (
        "lstm solves copy up to T=10; rnn solves none of its lengths."
    )
    assert verdict.headline(task(lstm=[POOR, POOR])) == "lstm does not solve copy (T=10 to 50)."
    assert verdict.headline(task(lstm=[POOR], rnn=[POOR])) == "None of lstm and rnn solves copy (T=10)."


def test_the_headline_tells_of_a_gap(task):
    assert verdict.headline(task(lstm=[POOR, FINE])) == "lstm solves copy up to T=50 (not always at 10)."


def test_one_seed_says_nothing_about_differences(task):
    assert verdict.certainty(task(lstm=[[1.0]], rnn=[[0.2]])).startswith(
        "One seed: this says nothing about differences"
    )


def test_few_seeds_are_said_aloud_and_how_many_are_needed(task):
    said = verdict.certainty(task(lstm=[FINE], gru=[FINE[::-1]], rnn=[POOR]))
    assert "5 seeds are too few to show a difference at the 5 % level (3 pairs: --seeds 7)" in said
    assert "lstm and gru cannot be told apart (p = 1, 5 seeds)" in said
    assert "lstm is ahead of rnn in every seed" in said


def test_enough_seeds_give_a_verdict_with_its_p(task):
    fine, poor = [0.9 + 0.01 * n for n in range(8)], [0.2 + 0.01 * n for n in range(8)]
    said = verdict.certainty(task(lstm=[fine], gru=[fine[::-1]], rnn=[poor]))
    assert "lstm and gru cannot be told apart (p = 1, 8 seeds)" in said
    assert "lstm is ahead of rnn (p = .023, 8 seeds)" in said
    assert "too few" not in said


def test_seeds_of_which_some_are_missing_are_not_compared(task):
    assert "missing" in verdict.certainty(task(lstm=[[1.0, 1.0]], rnn=[[0.2]]))


def test_nothing_but_failures_is_said_as_that(small):
    failed = Record(small(), "error", chances={})
    made = summarise(Results([failed])).tasks[0]
    assert verdict.headline(made) == "No run on copy ended with a result."
    assert verdict.certainty(made)


def test_many_architectures_are_counted_and_not_listed(task):
    said = verdict.headline(task(**{f"cell{n:02}": [FINE] for n in range(30)}))
    assert said.endswith("and 27 others solve copy up to T=10.")


@pytest.mark.parametrize(("p", "text"), [(0.04, "p = .04"), (0.0004, "p < .001"), (1.0, "p = 1"), (None, "no test")])
def test_p_values_are_written_as_papers_write_them(p, text):
    assert verdict.p_value(p) == text
