"""What a search found: chosen on validation data, confirmed on fresh seeds, written as a file that `run` takes."""

import math
import tomllib

import pytest

from harness.search_record import SearchRecord

from .conftest import Scripted, learned


def only(tuned):
    (one,) = tuned.searches.values()
    return one


def test_equal_scores_are_told_apart_by_steps_to_solve(asked, searched):
    steps = iter([90, 40, 60])
    tuned, _ = searched(asked(trials=3), lambda spec: learned(spec, 0.95, steps_to_solve=next(steps)))
    assert only(tuned).trial == 1


@pytest.mark.parametrize(("objective", "best"), [("accuracy", 2), ("loss", 2), ("steps_to_solve", 1)])
def test_each_objective_has_its_own_best(asked, searched, objective, best):
    found = iter([(0.5, None), (0.96, 40), (0.99, 80)])

    def rule(spec):
        accuracy, steps = next(found)
        return learned(spec, accuracy, steps_to_solve=steps)

    one = only(searched(asked(trials=3, objective=objective), rule)[0])
    assert one.trial == best
    assert (one.chance is None) == (objective != "accuracy")


def test_an_unsolved_trial_is_slower_than_any_that_solved(asked, searched):
    steps = iter([None, 100])
    tuned, _ = searched(
        asked(trials=2, objective="steps_to_solve"), lambda s: learned(s, 0.99, steps_to_solve=next(steps))
    )
    assert only(tuned).trial == 1


def test_the_top_few_are_confirmed_on_fresh_seeds_and_the_best_there_is_chosen(asked, searched):
    def lucky_once(spec):
        """The default shines on the seed of the search alone."""
        if spec.lr == 0.005:
            return learned(spec, 0.9 if spec.seed == 0 else 0.3)
        return learned(spec, 0.6)

    tuned, engine = searched(asked(trials=4, confirm_seeds=2, top=2), lucky_once)
    one = only(tuned)
    confirmations = [spec for spec in engine.ran if spec.seed]
    assert sorted(spec.seed for spec in confirmations) == [1, 1, 2, 2]
    assert all(spec.test_sequences == 0 for spec in confirmations)
    assert one.trial != 0
    assert [one.score, one.default_score, *one.confirmed] == pytest.approx([0.6, 0.9, 0.6, 0.6])
    assert one.fresh_seed == 3


def test_a_failed_confirmation_counts_as_chance(asked, searched):
    tuned, _ = searched(
        asked(trials=2, confirm_seeds=2, top=1),
        lambda spec: learned(spec, 0.8, "diverged" if spec.seed == 1 else "ok"),
    )
    assert sorted(only(tuned).confirmed) == pytest.approx([0.125, 0.8])


def test_what_was_confirmed_is_not_run_again(asked, searched):
    tuning = asked(trials=2, confirm_seeds=1, top=1)
    searched(tuning)
    tuned, engine = searched(tuning)
    assert not engine.ran
    assert len(only(tuned).confirmed) == 1


def test_the_file_is_what_the_trial_was(asked, searched):
    tuned, engine = searched(asked("lstm", trials=4, confirm_seeds=1))
    one = only(tuned)
    content = tomllib.loads(tuned.files[0].read_text())
    (ran,) = [spec for spec in engine.ran if spec.seed == 0 and spec.lr == content["lr"]]
    assert (content["arch"], content["task"], content["length"]) == ("lstm", "copy", [3])
    assert (content.get("clip", 1.0), content["steps"], content["batch"]) == (ran.clip, ran.steps, ran.batch_size)
    assert content["set"]["lstm.forget_bias"] == ran.architecture_options["lstm.forget_bias"]
    assert content["set"]["hidden_size"] == 4
    assert content["first-seed"] == one.fresh_seed == 2


def test_what_was_found_survives_writing_and_reading(asked, searched):
    one = only(searched(asked(trials=20))[0])
    assert SearchRecord.from_json(one.to_json()) == one
    assert len(one.trials) == len(one.expected_best) == 20
    assert math.isclose(sum(one.importances.values()), 1.0)
    assert max(one.importances, key=one.importances.get) == "lr"


def test_a_newer_result_takes_the_place_of_the_older_one(asked, searched, store):
    searched(asked(trials=2))
    searched(asked(trials=3), engine=Scripted(lambda spec: learned(spec, 0.99)))
    (run,) = store.search("harness-copy", "tags.`harness.kind` = 'search'")
    assert run.data.params["complete"] == "3"
