"""Trials under way: equal budgets, failures that cost one trial each, pruning, and what is on record of it."""

import json

import pytest
from optuna.trial import TrialState

from harness.record import Record

from .conftest import Scripted, by_rate, learned


def trials_of(tuned, number=0):
    return tuned.studies[number].ended()


def test_every_architecture_gets_the_same_number_of_trials_at_one_seed_without_test_data(asked, searched):
    tuned, engine = searched(asked("lstm", "gru", trials=4))
    assert [len(study.ended()) for study in tuned.studies] == [4, 4]
    assert [sum(spec.architecture == name for spec in engine.ran) for name in ("lstm", "gru")] == [4, 4]
    assert {(spec.seed, spec.test_sequences, spec.test_lengths) for spec in engine.ran} == {(0, 0, ())}


def test_with_params_every_trial_has_that_size_and_hidden_size_is_not_searched(asked, searched):
    tuned, engine = searched(asked("deep:gru", trials=4, params=3000, space={"depth": "1:3"}))
    assert len({spec.hidden_size for spec in engine.ran}) > 1  # it follows the depth
    assert "hidden_size" not in tuned.studies[0].space
    assert [trial.user_attrs["harness"]["hidden_size"] for trial in trials_of(tuned)] == [
        spec.hidden_size for spec in engine.ran
    ]


def test_a_trial_is_all_lengths_and_its_score_the_mean(asked, searched):
    tuned, engine = searched(
        asked(trials=1, lengths=(3, 5)), lambda spec: learned(spec, 0.4 if spec.length == 3 else 0.8)
    )
    assert [spec.length for spec in engine.ran] == [3, 5]
    assert trials_of(tuned)[0].value == pytest.approx(0.6)


def test_the_same_command_again_goes_on_to_the_total(asked, searched):
    searched(asked(trials=2))
    tuned, engine = searched(asked(trials=5))
    assert len(engine.ran) == 3
    assert len(trials_of(tuned)) == 5
    assert not searched(asked(trials=5))[1].ran


def test_nan_is_a_failed_trial_and_the_search_goes_on(asked, searched):
    tuned, engine = searched(asked(trials=4), lambda s: learned(s, 0.5, "diverged" if s.lr == 0.005 else "ok"))
    states = [trial.state for trial in trials_of(tuned)]
    assert states == [TrialState.FAIL, *[TrialState.COMPLETE] * 3]
    assert len(engine.ran) == 4
    assert tuned.searches[tuned.studies[0].digest].counts == {"complete": 3, "pruned": 0, "failed": 1}


def test_a_trial_whose_worker_died_is_told_fail_and_asked_again_but_not_for_ever(asked, searched):
    tuned, engine = searched(
        asked(trials=2, retry=1),
        lambda s: Record(s, "error", "its process was killed") if s.lr == 0.005 else by_rate(s),
    )
    assert [spec.lr == 0.005 for spec in engine.ran].count(True) == 2  # the second one stands, as a failure
    assert len(trials_of(tuned)) == 2
    assert [trial.state for trial in tuned.studies[0].optuna_study.trials].count(TrialState.FAIL) == 2


def test_an_interrupt_loses_what_is_under_way_and_keeps_the_rest(asked, searched):
    ends = iter(["ok", "interrupted"])
    tuned, _ = searched(asked(trials=4), lambda spec: learned(spec, 0.5, next(ends)))
    assert tuned.interrupted
    assert len(trials_of(tuned)) == 1
    tuned, engine = searched(asked(trials=4))
    assert len(trials_of(tuned)) == 4
    assert len(engine.ran) == 3


def test_where_all_trials_fail_nothing_is_found_and_every_record_is_kept(asked, searched, store):
    tuned, _ = searched(asked(trials=3, confirm_seeds=2), lambda spec: learned(spec, 0.5, "diverged"))
    assert not tuned.searches
    assert not tuned.files
    statuses = [
        run.data.tags["harness.status"] for run in store.search("harness-copy", "tags.`harness.kind` = 'trial'")
    ]
    assert statuses == ["diverged"] * 3


def test_max_failures_ends_the_search(asked, searched):
    tuned, engine = searched(asked(trials=9), lambda spec: learned(spec, 0.5, "diverged"), max_failures=2)
    assert "--max-failures" in tuned.stopped
    assert len(engine.ran) == 2


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_a_hopeless_trial_is_pruned_and_its_cost_is_on_record(asked, searched, store, pruner):
    left = list(range(12))
    tuned, _ = searched(asked(trials=10, prune=pruner), lambda spec: learned(spec, 0.2 + 0.05 * left.pop()))
    pruned = [trial for trial in trials_of(tuned) if trial.state == TrialState.PRUNED]
    assert pruned
    notes = pruned[0].user_attrs["harness"]
    assert 0 < notes["pruned_at"] < 100
    assert notes["steps"] == notes["pruned_at"]
    one = tuned.searches[tuned.studies[0].digest]
    assert one.counts["pruned"] == len(pruned)
    assert one.cost["steps"] == sum(trial.user_attrs["harness"]["steps"] for trial in trials_of(tuned)) < 1000
    runs = store.search("harness-copy", "tags.`harness.status` = 'pruned'")
    assert sum(run.data.metrics["steps"] for run in runs) == sum(t.user_attrs["harness"]["steps"] for t in pruned)


def test_without_pruning_every_trial_is_trained_whole(asked, searched):
    left = list(range(12))
    tuned, _ = searched(asked(trials=10, prune="none"), lambda spec: learned(spec, 0.2 + 0.05 * left.pop()))
    assert tuned.searches[tuned.studies[0].digest].cost["steps"] == 1000


def test_a_late_hearing_prunes_the_same_trials(asked, searched):
    """What becomes of a trial does not depend on when its validations were heard."""

    class Silent(Scripted):
        def _told(self, key, record, listener):
            return record

    def outcome(engine):
        left = list(range(12))
        engine.rule = lambda spec: learned(spec, 0.2 + 0.05 * left.pop())
        tuned, _ = searched(asked(trials=10, prune="median", seed=int(isinstance(engine, Silent))), engine=engine)
        return [(trial.state, trial.user_attrs["harness"]["pruned_at"]) for trial in trials_of(tuned)]

    assert outcome(Scripted(None)) == outcome(Silent(None))


def test_every_trial_is_a_flat_run_tagged_with_its_study(asked, searched, store, client):
    tuned, _ = searched(asked(trials=2, confirm_seeds=1, top=1))
    digest = tuned.studies[0].digest
    runs = list(store.search("harness-copy", f"tags.`harness.study` = '{digest}'"))
    kinds = [run.data.tags["harness.kind"] for run in runs]
    assert sorted(kinds) == ["confirmation", "search", "trial", "trial"]
    assert not any("mlflow.parentRunId" in run.data.tags for run in runs)
    assert not list(store.records(["copy"]))  # none of them is a cell of a sweep
    view = json.loads(client.get_experiment(store.task_experiment("copy")).tags["mlflow.sharedViewState.harness"])
    assert view["searchFilter"] == "tags.`harness.kind` = 'search'"
    assert view["groupBy"] is None  # two searches of one architecture have no mean
    (search,) = [run for run in runs if run.data.tags["harness.kind"] == "search"]
    files = {entry.path for entry in client.list_artifacts(search.info.run_id)}
    assert {path.name for path in tuned.files} == files
