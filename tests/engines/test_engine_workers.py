"""Worker processes: whose fault a death is, when a process is used again, and what is kept when work is broken off."""

import os
import time

import pytest

from harness.engines import worker_handle
from harness.engines.local import Local


class Listener:
    """Notes in which process each run began; may do something then."""

    def __init__(self, engine, act=lambda key: None):
        self.engine, self.act, self.processes = engine, act, {}

    def claim(self, key):
        return True

    def started(self, key):
        (self.processes[key],) = [w.process.process.pid for w in self.engine.workers.values() if w.running == key]
        self.act(key)

    def progressed(self, key, progress):
        pass


def collected(engine, listener, specs):
    """Every record, by key."""
    for key, spec in specs.items():
        engine.submit(key, spec)
    records = {}
    while ended := engine.collect(listener):
        records.update(ended)
    return records


def statuses(records, keys):
    return [records[key].status for key in keys]


def test_what_ended_is_handed_back_though_ctrl_c_came_while_it_was_heard_of(small):
    def act(key):
        if key == "0":
            time.sleep(1)  # until 0 has ended and 1 has begun: both are heard of in one breath
        if key == "1":
            raise KeyboardInterrupt

    engine = Local("cpu", 1)
    for seed in range(3):
        engine.submit(str(seed), small(seed=seed))
    with pytest.raises(KeyboardInterrupt):
        engine.collect(Listener(engine, act))
    engine.cancel()
    records = dict(engine.collect(Listener(engine)))
    assert records["0"].status == "ok"
    assert engine.collect(Listener(engine)) == []


def test_what_has_ended_unheard_is_kept_when_work_is_broken_off(small, cells):
    engine = Local("cpu", 1)
    engine.submit("first", small())
    engine.submit("second", small(seed=1))
    engine.submit("waits", small(architecture=f"{cells}:Hangs", validate_every=1))
    assert [key for key, _ in engine.collect(Listener(engine))] == ["first"]
    time.sleep(1)  # the second one ends meanwhile, and the next one begins
    engine.cancel()
    records = dict(engine.collect(Listener(engine)))
    assert statuses(records, ["second"]) == ["ok"]
    assert "waits" not in records or records["waits"].status == "interrupted"


def test_a_run_that_is_interrupted_keeps_what_it_found(small, cells):
    engine = Local("cpu", 1)
    engine.submit("waits", small(architecture=f"{cells}:Hangs", validate_every=1))

    def interrupt(key):
        time.sleep(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.collect(Listener(engine, interrupt))
    engine.cancel()
    ((key, record),) = engine.collect(Listener(engine))
    assert (key, record.status, record.steps, len(record.curve)) == ("waits", "interrupted", 2, 2)


def test_a_run_that_had_not_begun_is_not_to_blame_for_a_death(small, cells):
    engine = Local("cpu", 1)
    specs = {str(seed): small(architecture=f"{cells}:Spoils", seed=seed) for seed in range(2)}
    listener = Listener(engine)
    assert statuses(collected(engine, listener, specs), specs) == ["ok"] * 2
    assert len(set(listener.processes.values())) == 2


def test_a_run_that_no_process_can_begin_is_given_up(small):
    engine = Local("nonsense", 1)
    records = collected(engine, Listener(engine), {"0": small(), "1": small(seed=1)})
    assert statuses(records, "01") == ["error", "error"]
    assert "ended 3 times before it began" in records["0"].reason
    assert "nonsense" in records["0"].traceback


def test_a_process_is_used_again_after_a_sound_run_and_not_after_a_failed_one(small, cells):
    engine = Local("cpu", 1)
    names = {"before": "Prints", "raises": "Raises", "after": "Prints", "last": "Prints"}
    specs = {key: small(architecture=f"{cells}:{name}") for key, name in names.items()}
    listener = Listener(engine)
    assert statuses(collected(engine, listener, specs), specs) == ["ok", "error", "ok", "ok"]
    before, raises, after, last = (listener.processes[key] for key in specs)
    assert before == raises != after == last


def test_a_process_that_grows_is_replaced_between_runs(small, cells, monkeypatch):
    monkeypatch.setattr(worker_handle, "_GROWTH_LIMIT", 2**27)
    engine = Local("cpu", 1)
    specs = {"leaks": small(architecture=f"{cells}:Leaks"), "again": small(architecture=f"{cells}:Leaks", seed=1)}
    specs |= {str(seed): small(architecture=f"{cells}:Prints", seed=seed) for seed in range(2, 5)}
    listener = Listener(engine)
    assert set(statuses(collected(engine, listener, specs), specs)) == {"ok"}
    leaks, again, *rest = (listener.processes[key] for key in specs)
    assert leaks == again != rest[0] == rest[1] == rest[2]


def test_the_record_of_a_death_holds_what_that_run_printed_and_nothing_else(small, cells):
    engine = Local("cpu", 1)
    specs = {name: small(architecture=f"{cells}:{name}") for name in ("Prints", "Exits")}
    records = collected(engine, Listener(engine), specs)
    assert statuses(records, specs) == ["ok", "error"]
    assert records["Exits"].traceback == "a word of Exits\n"


def test_a_process_that_a_plugin_forked_tells_the_driver_nothing(small, cells):
    engine = Local("cpu", 1)
    specs = {"forks": small(architecture=f"{cells}:Doubles"), "after": small(), "last": small(seed=1)}
    assert statuses(collected(engine, Listener(engine), specs), specs) == ["ok"] * 3


def test_a_worker_that_was_idle_is_not_overdue_with_its_next_run(small):
    engine = Local("cpu", 1, timeout=2)
    engine.submit("first", small())
    engine.collect(Listener(engine))
    time.sleep(2.1)
    assert statuses(collected(engine, Listener(engine), {"second": small(seed=1)}), ["second"]) == ["ok"]


@pytest.mark.parametrize(("driver", "code"), [("ours", 0), ("1", 1)], ids=["at work", "dead"])
def test_a_fork_server_whose_driver_died_before_it_was_up_ends_at_once(python, tmp_path, monkeypatch, driver, code):
    monkeypatch.setenv("HARNESS_DRIVER", str(os.getpid()) if driver == "ours" else driver)
    assert python("-c", "import harness.engines.preload", cwd=tmp_path, check=False).returncode == code
