"""Sweeps on record: what was planned, and who is at work."""

from itertools import product

import pytest

from harness.errors import HarnessError, UsageError
from harness.spec import Planned, SweepSpec
from harness.tracking import sweep_log
from harness.tracking.store import Store

SWEEP = SweepSpec(
    ("lstm", "deep:gru"),
    ("copy",),
    lengths=(5, 10),
    seeds=3,
    settings={"steps": 10, "test_lengths": (20, 40)},
    options={"forget_bias": ("0", "1")},
)
PLAN = [Planned(f"{n:016x}", "copy", "lstm", length, n) for n, length in product(range(5000), (5, 10))]


def write(store, name="abc", plan=()):
    with sweep_log.recording(store, name, SWEEP, "harness run --arch lstm 'deep:gru'", plan):
        pass


def test_a_sweep_is_read_back_as_it_was_asked_for(store):
    write(store, plan=PLAN[:7])
    sweep = sweep_log.load_sweep(store)
    assert (sweep.name, sweep.command) == ("abc", "harness run --arch lstm 'deep:gru'")
    assert sweep.spec() == SWEEP
    assert sweep.planned == tuple(PLAN[:7])


def test_ten_thousand_planned_runs_fit(store):
    write(store, plan=PLAN)
    assert sweep_log.load_sweep(store).planned == tuple(PLAN)


def test_the_newest_sweep_is_read_or_the_one_whose_name_begins_so(store):
    write(store, "abc")
    write(store, "xyz")
    assert sweep_log.load_sweep(store).name == "xyz"
    assert sweep_log.load_sweep(store, "ab").name == "abc"
    with pytest.raises(UsageError, match=r"No sweep 'q'\. Newest first: xyz, abc"):
        sweep_log.load_sweep(store, "q")


def test_a_store_without_sweeps_says_how_to_make_one(store):
    with pytest.raises(HarnessError, match="no sweep yet: harness run"):
        sweep_log.load_sweep(store)


def test_a_sweep_of_another_version_is_told_as_such(store):
    write(store)
    sweep = sweep_log.load_sweep(store)
    changed = sweep_log.RecordedSweep(sweep.name, sweep.spec_json.replace('"match"', '"warp"'), "", (), 0.0)
    with pytest.raises(HarnessError, match="another version"):
        changed.spec()


def test_a_driver_is_at_work_while_it_writes_and_not_after_it(store):
    with sweep_log.recording(store, "abc", SWEEP, "", []):
        assert store.drivers() == {store.driver}
    assert store.drivers() == set()


def test_the_entry_of_a_driver_that_died_is_closed_by_the_next(store, monkeypatch):
    dead = Store(store.uri)
    dead.driver = dead.driver.replace(f"/{dead.driver.split('/')[1]}/", "/999999999/")
    entry = sweep_log.recording(dead, "abc", SWEEP, "", [])
    entry.__enter__()
    assert store.drivers() == set()
    write(store)
    statuses = [run.info.status for run in store.search("harness", "tags.`harness.kind` = 'sweep'")]
    assert sorted(statuses) == ["FINISHED", "KILLED"]
