"""The sentences at the top of every report: what they say, and what they take care not to say."""

from __future__ import annotations

import pytest

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
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


def spread(centre):
    """Eight seeds around a centre: enough to tell four architectures apart."""
    return [centre + 0.001 * seed for seed in range(8)]


def test_the_headline_orders_only_what_the_tests_tell_apart(task):
    fine, poor = spread(0.96), spread(0.2)
    made = task(lstm=[fine, fine, poor], gru=[fine, fine[::-1], poor], rnn=[fine, poor, poor])
    assert verdict.headline(made) == "lstm and gru solve copy up to T=50, not told apart; rnn up to T=10."
    few = task(lstm=[FINE, FINE, POOR], gru=[FINE, POOR, POOR], rnn=[POOR, POOR, POOR])
    assert verdict.headline(few) == (
        "lstm solves copy up to T=50, gru up to T=10, rnn no length: 5 seeds cannot tell them apart (7 could)."
    )


def test_of_those_not_told_apart_each_result_is_said_in_the_order_asked_for(task):
    made = task(lstm=[[0.1, 0.08]], gate=[[0.99, 1.0]])
    assert verdict.headline(made) == (
        "lstm solves no length of copy (T=10), gate up to T=10: 2 seeds cannot tell them apart (6 could)."
    )
    made = task(gate=[[0.99]], lstm=[[0.1]], gru=[[0.98]])
    assert verdict.headline(made) == (
        "gate and gru solve copy up to T=10, lstm no length: 1 seed cannot tell them apart (7 could)."
    )
    mixed = [0.2, 0.9, 0.2, 0.96, 0.96, 0.96, 0.96, 0.96]
    made = task(lstm=[spread(0.94)], gru=[mixed])
    assert verdict.headline(made) == "lstm solves no length of copy (T=10), gru up to T=10 (not told apart)."


def test_that_seeds_are_too_few_is_said_once(task):
    differing = verdict.sentences(task(lstm=[[0.1, 0.08]], gate=[[0.99, 1.0]]))
    alike = verdict.sentences(task(lstm=[[0.99, 0.98]], gate=[[0.99, 1.0]]))
    assert len(differing) == 1
    assert alike == [
        "lstm and gate solve copy up to T=10, not told apart.",
        "2 seeds are too few to show a difference at the 5% level (2 architectures: --seeds 6).",
    ]


def test_a_later_tier_says_each_result_too(task):
    fine, poor, mixed = spread(0.985), spread(0.3), [0.3, 0.3, 0.3, 0.96, 0.96, 0.96, 0.96, 0.96]
    made = task(lstm=[fine], gru=[spread(0.8)], rnn=[mixed], best=[fine])
    assert verdict.headline(made) == (
        "lstm and best solve copy up to T=10, not told apart; "
        "gru solves none of its lengths, rnn up to T=10 (not told apart)."
    )
    assert poor < fine


def test_of_a_task_that_nobody_solves_outright_the_headline_says_how_right_each_is(task):
    made = task(solved_at=1.0, lstm=[POOR, [0.4]], gru=[POOR, [0.5]])
    assert verdict.headline(made) == (
        "copy at T=50, right answers: lstm 40.0% and gru 50.0%, not told apart (chance 12.5%)."
    )


def test_the_headline_says_who_solves_nothing(task):
    fine, poor = spread(0.96), spread(0.2)
    assert verdict.headline(task(lstm=[fine], rnn=[poor])) == (
        "lstm solves copy up to T=10; rnn solves none of its lengths."
    )
    assert verdict.headline(task(lstm=[POOR, POOR])) == "lstm solves no length of copy (T=10 to 50)."
    assert verdict.headline(task(lstm=[POOR], rnn=[POOR])) == (
        "lstm and rnn solve no length of copy (T=10), not told apart."
    )


def test_the_headline_tells_of_a_gap(task):
    assert verdict.headline(task(lstm=[POOR, FINE])) == "lstm solves copy up to T=50 (not always at 10)."


def test_what_failed_and_what_was_refused_is_in_the_headline(small):
    def ended(label, status):
        return Record(small(label=label), status, "no luck", chances={3: 0.125})

    good = Record(small(), "ok", scores={3: Scores(0.1, 1.0, 0.0)}, chances={3: 0.125}, solved_at=0.9)
    made = summarise(Results([ended("bad", "error"), good, ended("big", "refused")])).tasks[0]
    assert verdict.headline(made) == (
        "lstm solves no length of copy (T=3); bad failed in every run (error); big is refused."
    )


def test_where_seeds_differ_in_solving_a_length_the_text_counts_them(task):
    made = task(lstm=[FINE, [1.0, 1.0, 1.0, 0.2, 0.2]])
    assert verdict.sentences(made)[:2] == [
        "lstm solves copy up to T=50.",
        "Some seeds solve a length and others do not: lstm 3 of 5 at T=50.",
    ]
    assert verdict.mixture(task(lstm=[FINE, POOR])) == ""


def test_the_number_of_seeds_that_is_named_is_enough_for_this_sweep(task):
    for seeds, needed, labels in ((1, 6, "ab"), (5, 6, "ab"), (5, 7, "abc"), (3, 8, "abcd")):
        made = task(**{label: [FINE[:seeds]] for label in labels})
        assert f"--seeds {needed})" in verdict.certainty(made)
        enough = task(**{label: [spread(0.9)[:needed]] for label in labels})
        assert "too few" not in verdict.certainty(enough)


def test_one_architecture_alone_is_told_nothing_of_differences(task):
    assert verdict.certainty(task(lstm=[[1.0]])) == "1 seed."
    assert verdict.certainty(task(lstm=[FINE])) == "5 seeds."


def test_few_seeds_order_nothing_even_where_every_seed_goes_one_way(task):
    said = verdict.certainty(task(lstm=[FINE], gru=[FINE[::-1]], rnn=[POOR]))
    assert said == "5 seeds are too few to show a difference at the 5% level (3 architectures: --seeds 7)."


def test_enough_seeds_give_a_verdict_with_its_p(task):
    fine, poor = [0.9 + 0.01 * n for n in range(8)], [0.2 + 0.01 * n for n in range(8)]
    said = verdict.certainty(task(lstm=[fine], gru=[fine[::-1]], rnn=[poor]))
    assert "lstm and gru cannot be told apart (p = 1, 8 seeds)" in said
    assert "lstm and gru are ahead of rnn (p = .023, 8 seeds)" in said
    assert "too few" not in said


def test_seeds_of_which_some_are_missing_are_not_compared(task):
    assert "missing" in verdict.certainty(task(lstm=[spread(0.9)], rnn=[[0.2]]))


def test_unlike_sizes_are_said(small):
    records = [
        Record(small(label=label), "ok", scores={3: Scores(1.0, 1.0, 0.0)}, chances={3: 0.1}, parameters={"head": size})
        for label, size in (("lstm", 38_497), ("rnn", 9_697))
    ]
    said = verdict.sizes(summarise(Results(records)).tasks[0])
    assert said.startswith("Sizes differ more than twofold: rnn has 9,697 parameters, lstm 38,497")
    assert verdict.sizes(summarise(Results(records[:1])).tasks[0]) == ""


def test_nothing_but_failures_is_said_as_that(small):
    failed = Record(small(), "error", chances={})
    made = summarise(Results([failed])).tasks[0]
    assert verdict.headline(made) == "No run on copy ended with a result; lstm failed in every run (error)."
    assert verdict.certainty(made) == ""


def test_many_architectures_are_counted_and_not_listed(task):
    said = verdict.headline(task(**{f"cell{n:02}": [FINE] for n in range(30)}))
    assert said.endswith("and 27 others solve copy up to T=10, not told apart.")


@pytest.mark.parametrize(("p", "text"), [(0.04, "p = .04"), (0.0004, "p < .001"), (1.0, "p = 1"), (None, "no test")])
def test_p_values_are_written_as_papers_write_them(p, text):
    assert verdict.format_p(p) == text


def test_a_report_says_where_kernels_differ(small):
    def results(**kernels):
        records = [
            Record(small(label=label, seed=seed), "ok", environment={"kernel": kernel} if kernel else {})
            for label, by_seed in kernels.items()
            for seed, kernel in enumerate(by_seed)
        ]
        return Results(records)

    installed, generated = "installed loop (gcc 12)", "generated loop (gcc 12, native)"
    assert verdict.kernels(results(lstm=[installed, "installed loop (gcc 13)"], gate=[""])) == ""
    assert verdict.kernels(results(lstm=[installed], gate=[generated, generated, "torch"])) == (
        "Times compare kernels, which differ here: lstm: installed loop; "
        "gate: generated loop (2 runs) and torch (1 run)."
    )
