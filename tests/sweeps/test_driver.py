"""The driver: what it writes, tries again, leaves to others, waits for, and keeps when it is stopped."""

from collections import Counter, deque

import pytest

from harness.errors import StoreError
from harness.record import Record, Scores
from harness.spec import SweepSpec
from harness.sweeps.driver import Driver, Rules
from harness.sweeps.progress import Quiet
from harness.tracking import sweep_log
from harness.tracking.store import Store


class Scripted:
    """An engine whose runs end as told: statuses by seed, one after another."""

    def __init__(self, fates):
        self.fates = {seed: deque(statuses.split()) for seed, statuses in fates.items()}
        self.waiting = deque()
        self.cancelled = False

    def submit(self, key, spec):
        self.waiting.append((key, spec))

    def collect(self, listener):
        while self.waiting:
            key, spec = self.waiting.popleft()
            if listener.claim(key):
                listener.started(key)
                status = self.fates[spec.seed].popleft()
                scores = {spec.length: Scores(1.0, 0.0, 1.0)} if status == "ok" else {}
                return [(key, Record(spec, status, "" if status == "ok" else "no luck", scores=scores))]
        return []

    def cancel(self):
        self.cancelled = True
        self.waiting.clear()


class Shown(Quiet):
    """A display that remembers."""

    def __init__(self):
        self.said = []

    def retrying(self, key, record):
        self.said.append(("retrying", record.attempt))

    def waiting_for_store(self, reason):
        self.said.append(("waiting", reason))


@pytest.fixture
def drive(store, small):
    """Drives runs of these fates to their end: `drive({0: "error ok"}, retry=1)`."""

    def run(fates, use=store, **rules):
        specs = {spec.identity: spec for spec in (small(seed=seed) for seed in fates)}
        with sweep_log.recording(use, "s", SweepSpec(("lstm",), ("copy",)), "", []) as entry:
            driver = Driver(use, Shown(), entry, specs, "s", Rules(**rules))
            engine = Scripted(fates)
            driver.interrupted = driver.drive(engine, list(specs))
        driver.engine = engine
        return driver

    return run


def statuses(store):
    return Counter(record.status for _, record in store.records(["copy"]))


def test_every_run_ends_as_a_record_with_chance_beside_it(drive, store):
    drive({0: "ok", 1: "error", 2: "refused", 3: "diverged"})
    assert statuses(store) == {"ok": 1, "error": 1, "refused": 1, "diverged": 1}
    assert all(record.chance == 0.125 for _, record in store.records(["copy"]))


def test_a_failed_run_is_tried_again_as_often_as_asked_and_every_attempt_is_kept(drive, store):
    driver = drive({0: "error timeout ok", 1: "error error error"}, retry=2)
    assert statuses(store) == {"error": 4, "timeout": 1, "ok": 1}
    assert sorted(record.status for _, record in driver.finished.values()) == ["error", "ok"]
    assert {record.attempt for _, record in driver.finished.values()} == {3}
    assert driver.display.said == [("retrying", 1), ("retrying", 1), ("retrying", 2), ("retrying", 2)]


@pytest.mark.parametrize("status", ["refused", "diverged"])
def test_what_would_end_alike_is_not_tried_again(drive, store, status):
    drive({0: status}, retry=3)
    assert statuses(store) == {status: 1}


def test_the_sweep_ends_when_too_many_runs_failed(drive, store):
    driver = drive({0: "error", 1: "refused", 2: "diverged", 3: "ok", 4: "ok"}, max_failures=2)
    assert statuses(store) == {"error": 1, "refused": 1, "diverged": 1}
    assert driver.engine.cancelled
    assert "2 runs failed" in driver.stopped
    assert not driver.interrupted


def test_runs_of_another_driver_are_left_to_it(drive, store, small):
    other = Store(store.uri)
    with sweep_log.recording(other, "t", SweepSpec(("lstm",), ("copy",)), "", []):
        other.claim(small(seed=0), "t")
        driver = drive({0: "ok", 1: "ok"})
    assert driver.claimed_by_others == {small(seed=0).identity}
    assert [record.spec.seed for _, record in driver.finished.values()] == [1]


def test_a_store_that_does_not_answer_is_waited_for(drive, store, monkeypatch):
    monkeypatch.setattr("harness.sweeps.driver._SECONDS_BETWEEN_TRIES", 0)
    finish, down = Store.finish, iter([True, True])

    def flaky(self, run_id, record):
        if next(down, False):
            raise StoreError("The store is away.\nPut it right.")
        finish(self, run_id, record)

    monkeypatch.setattr(Store, "finish", flaky)
    driver = drive({0: "ok"})
    assert driver.display.said == [("waiting", "The store is away.")] * 2
    assert statuses(store) == {"ok": 1}


def test_waiting_for_a_store_has_an_end(drive, monkeypatch):
    def away(*_):
        raise StoreError("The store is away.")

    monkeypatch.setattr(Store, "finish", away)
    with pytest.raises(StoreError, match="away"):
        drive({0: "ok"}, wait_for_store=0)


def test_records_are_kept_without_their_learning_curves(drive):
    driver = drive({0: "ok"})
    assert all(record.curve == [] for _, record in driver.finished.values())
