"""How far a sweep has come, from what the store holds."""

from collections import Counter
from dataclasses import replace

import pytest

from harness.discovery.footprint import digest_of
from harness.errors import HarnessError, UsageError
from harness.spec import Planned, SweepSpec
from harness.tracking import sweep_log
from harness.tracking.outdated import changed_since, code_of
from harness.tracking.store import Store
from harness.tracking.sweep_status import find_run, load_status


def record(store, made, sweep="s"):
    run_id = store.start(made.spec, sweep)
    store.finish(run_id, made)
    return run_id


@pytest.fixture
def planned(store):
    """Writes a sweep of these specs: `planned(spec, spec)`."""

    def write(*specs, name="s"):
        entry = sweep_log.recording(
            store, name, SweepSpec(("lstm",), ("copy",)), "the line", [Planned.of(s) for s in specs]
        )
        with entry:
            pass

    return write


def test_every_planned_run_is_counted_once_by_what_became_of_it(store, finished, planned):
    fates = ["ok", "error", "refused", "interrupted", "missing", "running"]
    made = [
        finished(status=fate if fate not in ("missing", "running") else "ok", seed=i) for i, fate in enumerate(fates)
    ]
    planned(*(one.spec for one in made))
    for one in made[:4]:
        record(store, one)
    other = Store(store.uri)
    with sweep_log.recording(other, "t", SweepSpec(("lstm",), ("copy",)), "", []):
        other.start(made[5].spec, "t")
        ((task, label, row),) = load_status(store, "s").rows()
    assert (task, label) == ("copy", "lstm")
    assert row == Counter(planned=6, ok=1, error=1, refused=1, missing=2, running=1)


def test_the_newest_record_of_a_run_counts(store, finished, planned):
    one = finished(status="error")
    planned(one.spec)
    record(store, one)
    assert len(load_status(store).failures()) == 1
    record(store, finished())
    assert load_status(store).failures() == []


def test_results_hold_what_ended_and_what_is_missing(store, finished, planned):
    done, failed, left = finished(seed=0), finished(seed=1, status="error"), finished(seed=2)
    planned(done.spec, failed.spec, left.spec)
    record(store, done)
    record(store, failed)
    results = load_status(store).results()
    assert [r.status for r in results.records] == ["ok", "error"]
    assert [run.seed for run in results.missing] == [2]
    assert (results.title, results.command, results.store) == ("s", "the line", store.uri)
    assert "harness report --sweep s" in results.report_command


def test_a_run_has_the_name_that_the_plan_gave_it(store, finished, planned):
    planned(replace(finished().spec, label="another name"))
    record(store, finished())
    (found,) = load_status(store).results().records
    assert found.spec.label == "another name"


def test_a_run_whose_code_is_another_by_now_is_stale(finished):
    from harness.discovery import registry

    lstm, copy = registry.find("architecture", "lstm").fingerprint(), registry.find("task", "copy").fingerprint()
    spec = replace(finished().spec, architecture_code=lstm, task_code=copy)
    assert not changed_since(code_of(spec))
    assert changed_since(code_of(replace(spec, architecture_code="0.0-older"))) == ("lstm",)
    assert changed_since(code_of(replace(spec, task_code="0.0-older"))) == ("copy",)
    composed = replace(spec, architecture="deep:lstm", architecture_code=f"0.0-older+{lstm}")
    assert changed_since(code_of(composed)) == ("deep",)
    assert not changed_since(code_of(replace(spec, architecture="./is_not_here.py", architecture_code="unknown")))


def test_a_run_whose_plugin_uses_a_file_from_elsewhere_that_changed_changed_since(finished, tmp_path):
    helper = tmp_path / "base.py"
    helper.write_text("K = 1")
    spec = replace(finished().spec, code_files={str(helper): digest_of(helper)})
    assert not changed_since(code_of(spec))
    helper.write_text("K = 2")
    assert changed_since(code_of(spec)) == (str(helper),)
    helper.unlink()
    assert not changed_since(code_of(spec)), "not where it cannot be found here"


def test_a_run_is_found_by_the_beginning_of_its_identity_and_by_its_mlflow_id(store, finished):
    run_id = record(store, finished())
    identity = finished().spec.identity
    for name in (run_id, identity, identity[:6]):
        found_id, found = find_run(store, name)
        assert (found_id, found.identity) == (run_id, identity)
        assert found.curve == finished().curve


def test_a_run_that_is_not_there_or_not_clear_is_told(store, finished, monkeypatch):
    for seed in range(2):
        monkeypatch.setattr(type(finished().spec), "identity", f"abcd{seed:012}", raising=False)
        record(store, finished(seed=seed))
    with pytest.raises(HarnessError, match="is called ffff"):
        find_run(store, "ffff")
    with pytest.raises(UsageError, match="abcd is the beginning of 2 runs"):
        find_run(store, "abcd")
    with pytest.raises(UsageError, match="got 'lstm'"):
        find_run(store, "lstm")
