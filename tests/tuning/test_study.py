"""A study: the default first, as many trials as wanted, what was lost asked again, another space refused."""

import os

import pytest
from optuna.trial import TrialState

from harness.errors import UsageError
from harness.process.heartbeat import driver_name
from harness.tuning.tune import studies_of

DEAD = f"{os.uname().nodename}/{2**22 + 1}/0/00000000"  # no process has that number


@pytest.fixture
def opened(asked):
    def make(driver=None, **changes):
        return studies_of(asked(**changes), driver or driver_name())[0]

    return make


def test_trial_0_is_the_published_default(opened):
    study = opened()
    assert study.ask().params == {"lr": 0.005, "clip": 1.0, "optimizer": "adam"}


def test_no_more_are_asked_than_wanted_whether_they_ended_well_or_not(opened):
    study = opened(trials=3)
    for state in (TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE):
        trial = study.ask()
        study.optuna_study.tell(trial, 0.5 if state == TrialState.COMPLETE else None, state)
    assert study.ask() is None
    assert len(study.ended()) == 3


def test_trials_under_way_count_and_the_total_is_over_all_commands(opened):
    first, second = opened(trials=3), opened(trials=3)
    assert first.ask()
    assert second.ask()
    assert first.ask()
    assert second.ask() is None
    assert opened(trials=4).ask()


def test_a_lost_trial_is_told_fail_does_not_count_and_is_asked_again(opened):
    study = opened(trials=2)
    study.ask()
    lost = study.ask()
    study.fail_stale(lost)
    assert study.optuna_study.trials[1].state == TrialState.FAIL
    again = study.ask()
    assert again.params == lost.params
    assert again.user_attrs["attempt"] == 2
    assert study.ask() is None
    assert len(study.counted()) == 2


def test_the_trials_of_a_driver_that_died_are_taken_over_and_those_of_one_at_work_are_not(opened):
    dead, other = opened(DEAD, trials=2), opened(driver=f"elsewhere/1/1/{'0' * 8}", trials=2)
    lost, theirs = dead.ask(), other.ask()
    study = opened(trials=2)
    assert [trial.number for trial in study.counted()] == [theirs.number, 2]
    assert study.ask().params == lost.params
    assert study.ask() is None


def test_a_default_cut_short_while_it_was_asked_is_asked_again(opened):
    study = opened(trials=2)
    half = study.optuna_study.ask()  # with nothing suggested yet
    half.set_user_attr("driver", DEAD)
    study.fail_stale_trials()
    assert study.ask().params["lr"] == 0.005


def test_another_space_is_refused_with_the_name_that_differs(opened):
    opened(space={"lr": "1e-4:1e-2:log"})
    with pytest.raises(UsageError, match=r"another space for lr: it was 0.0001 .. 0.01 \(log\), and is to be 1e-05"):
        opened(space={"lr": "1e-5:1e-2:log"})
    with pytest.raises(UsageError, match=r"beta2: it was not searched, and is to be 0.9 \| 0.99"):
        opened(space={"lr": "1e-4:1e-2:log", "beta2": "0.9,0.99"})


def test_other_lengths_sizes_objectives_and_seeds_are_other_studies(opened):
    unlike = {}, {"lengths": (3, 5)}, {"params": 500}, {"objective": "loss"}, {"seed": 7}
    names = [opened(**changes).name for changes in unlike]
    assert len(set(names)) == 5
    assert opened(trials=9).name == names[0]


def test_the_same_seed_asks_for_the_same_trials(asked, tmp_path):
    from dataclasses import replace

    drawn = []
    for name in ("a", "b", "c"):
        tuning = replace(asked(trials=15, seed=int(name == "c")), storage=str(tmp_path / name))
        (study,) = studies_of(tuning, driver_name())
        for _ in range(15):
            trial = study.ask()
            study.optuna_study.tell(trial, trial.params["lr"])
        drawn.append([trial.params for trial in study.optuna_study.trials])
    assert drawn[0] == drawn[1]
    assert drawn[0][1:] != drawn[2][1:]
    assert drawn[0][0] == drawn[2][0]
