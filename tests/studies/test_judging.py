"""What data say of expectations: confirmed, refuted, undecided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report import Results
from harness.studies.judging import judge, verdict_of

from .conftest import results, run, without

MORE = 'more = "lstm"\nthan = "rnn"\nin = "score"'
HIGH, LOW = [0.9, 0.8, 0.95, 0.85, 0.9, 0.99], [0.3, 0.2, 0.4, 0.1, 0.2, 0.3]


def verdicts(study, found):
    return [one.verdict for one in judge(study, found)]


def test_a_difference_that_every_seed_shows_is_confirmed_and_its_opposite_refuted(study):
    assert verdicts(study(MORE), results(lstm=HIGH, rnn=LOW)) == ["confirmed"]
    assert verdicts(study(MORE), results(lstm=LOW, rnn=HIGH)) == ["refuted"]
    assert verdicts(study('less = "rnn"\nthan = "lstm"\nin = "score"'), results(lstm=HIGH, rnn=LOW)) == ["confirmed"]


def test_a_difference_smaller_than_was_claimed_is_refuted(study):
    assert verdicts(study(MORE + "\nby = 0.9"), results(lstm=HIGH, rnn=LOW)) == ["refuted"]
    assert verdicts(study(MORE + "\nfactor = 1.5"), results(lstm=HIGH, rnn=LOW)) == ["confirmed"]
    assert verdicts(study(MORE + "\nfactor = 50"), results(lstm=HIGH, rnn=LOW)) == ["refuted"]


def test_a_tie_leaves_a_claim_of_more_undecided_and_refutes_a_claim_of_more_by_something(study):
    (finding,) = judge(study(MORE), results(lstm=HIGH, rnn=HIGH))
    assert (finding.verdict, finding.needed) == ("undecided", None)
    assert "equal in every seed" in finding.reason
    assert verdicts(study(MORE + "\nby = 0.05"), results(lstm=HIGH, rnn=HIGH)) == ["refuted"]


def test_what_seeds_cannot_tell_is_undecided_with_the_number_that_would(study):
    (finding,) = judge(study(MORE), results(lstm=[0.5, 0.6, 0.7, 0.4, 0.5, 0.6], rnn=[0.4, 0.7, 0.5, 0.5, 0.3, 0.55]))
    assert finding.verdict == "undecided"
    assert finding.needed is not None
    assert finding.needed > 6
    assert f"about {finding.needed} seeds would decide" in finding.reason


def test_too_few_seeds_confirm_nothing_and_the_reason_says_how_many_do(study):
    few = results(lstm=HIGH[:4], rnn=LOW[:4])
    (finding,) = judge(study(MORE), few)
    assert (finding.verdict, finding.needed) == ("undecided", 5)
    assert finding.reason == "4 seeds cannot confirm anything; 5 can"


def test_several_expectations_are_corrected_together(study):
    six = results(lstm=HIGH, rnn=LOW)
    assert verdicts(study(MORE, MORE, MORE), six) == ["confirmed"] * 3
    found = judge(study(MORE, MORE, MORE, MORE), six)
    assert [one.verdict for one in found] == ["undecided"] * 4
    assert "7 can" in found[0].reason


def test_a_value_is_tested_on_the_median_seed(study):
    bound = 'of = "lstm"\nin = "accuracy"\nat_least = {}'
    assert verdicts(study(bound.format(0.75)), results(lstm=HIGH, rnn=LOW)) == ["confirmed"]
    assert verdicts(study(bound.format(0.999)), results(lstm=HIGH, rnn=LOW)) == ["refuted"]
    assert verdicts(study(bound.format(0.9)), results(lstm=HIGH, rnn=LOW)) == ["undecided"]


def test_a_share_of_seeds_takes_more_of_them(study):
    expectation = 'of = "lstm"\nin = "accuracy"\nat_least = 0.5\nshare = 0.8'
    (finding,) = judge(study(expectation), results(lstm=HIGH, rnn=LOW))
    assert (finding.verdict, finding.seeds) == ("undecided", 6)
    assert "14 can" in finding.reason
    assert verdicts(study(expectation), results(lstm=[0.9] * 14, rnn=[0.1] * 14)) == ["confirmed"]


def test_a_printed_number_is_met_or_missed(study):
    printed = 'of = "lstm"\nin = "loss"\nprinted = {}\nwithin = "factor 3"'
    found = results(lstm=[0.9, 0.91, 0.89, 0.92, 0.9, 0.9], rnn=LOW)
    assert verdicts(study(printed.format(0.1)), found) == ["confirmed"]
    (finding,) = judge(study(printed.format(0.001)), found)
    assert finding.verdict == "refuted"
    assert finding.claimed == "0.001, within a factor of 3"


def test_equality_is_confirmed_within_the_margin_only(study):
    close = results(lstm=[0.8, 0.81, 0.79, 0.8, 0.82, 0.8], rnn=[0.8, 0.8, 0.8, 0.79, 0.81, 0.81])
    equal = 'equal = ["lstm", "rnn"]\nin = "score"\nmargin = 0.05'
    assert verdicts(study(equal), close) == ["confirmed"]
    assert verdicts(study(equal), results(lstm=HIGH, rnn=LOW)) == ["refuted"]
    assert verdicts(study(equal), results(lstm=HIGH[:4], rnn=HIGH[:4])) == ["undecided"]


def test_one_architecture_can_be_compared_on_two_tasks(study):
    than = 'more = "lstm"\nthan = "lstm"\nin = "score"\ntask = "copy"\nthan_task = "copy delay=9"'
    easy = [run("lstm", seed, value) for seed, value in enumerate(HIGH)]
    hard = [run("lstm", seed, value) for seed, value in enumerate(LOW)]
    hard = [replace(record, spec=replace(record.spec, task_label="copy delay=9")) for record in hard]
    (finding,) = judge(study(than), {"": Results([*easy, *hard])})
    assert finding.verdict == "confirmed"
    assert finding.says == "On copy, the score of lstm is higher than that of lstm on copy delay=9."
    assert finding.measured.startswith("lstm 0.898, lstm on copy delay=9 0.25: +0.648 [")


def test_one_architecture_can_be_compared_in_two_sweeps(study):
    sweeps = '[[sweep]]\nname = "few"\narch = "lstm"\n[[sweep]]\nname = "many"\narch = "lstm"\n'
    less = 'less = "lstm"\nthan = "lstm"\nin = "loss"\nsweep = "many"\nthan_sweep = "few"'
    found = {"many": results(lstm=HIGH)[""], "few": results(lstm=LOW)[""]}
    (finding,) = judge(study(less, sweep=sweeps), found)
    assert finding.verdict == "confirmed"
    assert finding.claimed == "lstm < lstm in sweep few"


def test_a_diverged_run_has_the_worst_loss(study):
    records = [run("lstm", seed, value) for seed, value in enumerate(HIGH)]
    records += [run("rnn", seed, 0.99, status="diverged") for seed in range(6)]
    (finding,) = judge(study('less = "lstm"\nthan = "rnn"\nin = "loss"'), {"": Results(records)})
    assert finding.verdict == "confirmed"
    assert "rnn inf" in finding.measured


def test_while_runs_are_missing_nothing_is_decided(study):
    (finding,) = judge(study(MORE), without(results(lstm=HIGH, rnn=LOW), 1))
    assert (finding.verdict, finding.reason) == ("undecided", "1 of 12 runs is missing")
    assert finding.measured


def test_a_seed_that_never_solves_counts_with_its_whole_budget(study):
    (finding,) = judge(study('less = "lstm"\nthan = "rnn"\nin = "steps_to_solve"'), results(lstm=[0.95] * 6, rnn=LOW))
    assert finding.verdict == "confirmed"
    assert "rnn 1,000, lstm 500" in finding.measured


def test_a_failed_run_counts_as_chance(study):
    found = results(lstm=HIGH, rnn=LOW)
    failed = [run("lstm", seed, 0, status="diverged") for seed in range(6)]
    records = [*failed, *(record for record in found[""].records if record.spec.label == "rnn")]
    assert verdicts(study(MORE), {"": Results(records)}) == ["refuted"]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (["confirmed", "confirmed"], "reproduced"),
        (["confirmed", "refuted"], "partly"),
        (["confirmed", "undecided"], "partly"),
        (["refuted", "undecided"], "not reproduced"),
        (["undecided"], "undecided"),
    ],
)
def test_the_verdict_of_a_study_follows_from_its_expectations(study, found, verdict):
    (one,) = judge(study(MORE), results(lstm=HIGH, rnn=LOW))
    assert verdict_of([type(one)(**{**vars(one), "verdict": name}) for name in found]) == verdict


def test_the_reason_of_an_undecided_one_says_which_way_the_data_lean(study):
    (finding,) = judge(study(MORE), results(lstm=[0.5, 0.6, 0.4, 0.5, 0.6, 0.2], rnn=[0.6, 0.7, 0.5, 0.5, 0.7, 0.1]))
    assert finding.verdict == "undecided"
    assert " against it; 6 seeds; about " in finding.reason
