"""`run --tuned`: what was found, on fresh seeds, and only where all were tuned alike."""

from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.spec import SweepSpec
from harness.sweeps.plan import plan
from harness.tracking.searches import load_searches, load_used_searches
from harness.tuning.apply import apply_tuned

BOTH = SweepSpec(("lstm", "gru"), ("copy",))


def test_each_architecture_runs_at_its_own_setting_on_seeds_that_were_not_seen(asked, searched, store):
    tuned, _ = searched(asked("lstm", "gru", trials=3, confirm_seeds=1))
    sweep, _ = apply_tuned(replace(BOTH, seeds=2), store, any_budget=False)
    runs = plan(sweep)
    found = {one.label: one for one in tuned.searches.values()}
    assert {(spec.seed, spec.length, spec.hidden_size) for spec in runs} == {(2, 3, 4), (3, 3, 4)}
    for spec in runs:
        assert {name: spec.value_of(name) for name in found[spec.label].values} == found[spec.label].values
        assert spec.asked["tuned"] == found[spec.label].budget_in_words
        assert spec.test_sequences > 0


def test_what_a_sweep_used_is_told_even_when_the_search_went_on(asked, searched, store):
    searched(asked("lstm", trials=2))
    sweep, _ = apply_tuned(SweepSpec(("lstm",), ("copy",)), store, any_budget=False)
    searched(asked("lstm", trials=4))

    class Recorded:
        def spec(self):
            return SweepSpec.from_json(sweep.to_json())

    (one,) = load_used_searches(store, Recorded())
    assert sum(one.counts.values()) == 2
    assert [sum(newest.counts.values()) for _, newest in load_searches(store, "copy")] == [4]


def test_unlike_budgets_are_refused_unless_told_to(asked, searched, store):
    searched(asked("lstm", trials=2))
    searched(asked("gru", trials=3))
    with pytest.raises(UsageError, match=r"not tuned with equal budgets: trials \(2 and 3\).\n.*--tuned any"):
        apply_tuned(BOTH, store, any_budget=False)
    assert apply_tuned(BOTH, store, any_budget=True)[0].tuned


def test_unlike_spaces_are_refused_unless_told_to(asked, searched, store):
    searched(asked("lstm", trials=2))
    searched(asked("gru", trials=2, space={"lr": "1e-3:1e-2:log"}))
    with pytest.raises(UsageError, match=r"the range of lr \(0.0001 .. 0.03 \(log\) and 0.001 .. 0.01 \(log\)\)"):
        apply_tuned(BOTH, store, any_budget=False)
    assert apply_tuned(BOTH, store, any_budget=True)[0].tuned


def test_unlike_sizes_have_no_common_sweep(asked, searched, store):
    searched(asked("lstm", trials=1))
    searched(asked("gru", trials=1, params=900))
    with pytest.raises(UsageError, match="gru at 900 parameters"):
        apply_tuned(BOTH, store, any_budget=True)


def test_what_was_never_tuned_is_told_with_the_line_that_tunes_it(asked, searched, store):
    searched(asked("lstm", trials=1))
    with pytest.raises(UsageError, match="no tuned setting of gru on copy:\nharness tune --arch gru --task copy"):
        apply_tuned(BOTH, store, any_budget=False)
    with pytest.raises(UsageError, match=r"of lstm on copy --params 900 \(but at a size of its own"):
        apply_tuned(replace(BOTH, params=900), store, any_budget=False)


def test_a_search_at_the_asked_lengths_comes_before_a_newer_one(asked, searched, store):
    searched(asked("lstm", trials=1, lengths=(5,)))
    searched(asked("lstm", trials=1, lengths=(3,)))
    one = replace(BOTH, architectures=("lstm",))
    assert apply_tuned(one, store, any_budget=False)[0].lengths == (3,)
    assert apply_tuned(replace(one, lengths=(5,)), store, any_budget=False)[1]["lstm on copy"].lengths == [5]


def test_a_tuned_setting_typed_as_well_is_refused(asked, searched, store):
    searched(asked("lstm", "gru", trials=1))
    with pytest.raises(UsageError, match="lr of lstm was tuned"):
        apply_tuned(replace(BOTH, settings={"lr": 0.1}), store, any_budget=False)
    with pytest.raises(UsageError, match="forget_bias of lstm was tuned"):
        apply_tuned(replace(BOTH, options={"forget_bias": ("1",)}), store, any_budget=False)


def test_seeds_that_chose_the_setting_are_refused(asked, searched, store):
    searched(asked("lstm", "gru", trials=1, confirm_seeds=2))
    with pytest.raises(UsageError, match="--first-seed 3"):
        apply_tuned(replace(BOTH, first_seed=2), store, any_budget=False)
