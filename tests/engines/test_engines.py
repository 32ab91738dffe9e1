"""Engines: the same records from each, and a run that dies takes nothing else with it."""

import os
import time
from dataclasses import replace

import pytest
import torch

from harness.engines.inline import Inline
from harness.engines.local import Local
from harness.testing.engines import reproducible


class Listener:
    def __init__(self, refused=()):
        self.heard, self.refused = [], refused

    def claim(self, key):
        self.heard.append(("claimed", key))
        return key not in self.refused

    def started(self, key):
        self.heard.append(("started", key))

    def progressed(self, key, progress):
        self.heard.append(("progressed", key))


def collected(engine, specs):
    """Every record, by key, and what a listener heard."""
    listener, records = Listener(), {}
    for key, spec in specs.items():
        engine.submit(key, spec)
    while ended := engine.collect(listener):
        records.update(ended)
    return records, listener.heard


@pytest.mark.parametrize("jobs", [1, 3])
def test_engines_agree_bit_for_bit(small, jobs):
    specs = {
        str(seed): small(seed=seed, architecture="deep:gru", architecture_options={"deep.dropout": 0.2})
        for seed in range(4)
    }
    one_by_one, _ = collected(Inline(torch.device("cpu")), specs)
    side_by_side, _ = collected(Local("cpu", jobs), specs)
    assert {k: reproducible(r) for k, r in side_by_side.items()} == {k: reproducible(r) for k, r in one_by_one.items()}
    assert side_by_side["0"].environment == one_by_one["0"].environment


def test_a_run_that_dies_takes_nothing_else_with_it(small, cells, capfd):
    fates = {
        "Segfaults": ("error", "killed by SIGSEGV"),
        "Exits": ("error", "exit code 3"),
        "Killed": ("out_of_memory", "SIGKILL"),
        "Hogs": ("out_of_memory", "can't allocate memory"),
        "Prints": ("ok", ""),
        "Forks": ("ok", ""),
    }
    specs = {name: small(architecture=f"{cells}:{name}") for name in fates}
    specs |= {f"good {seed}": small(seed=seed) for seed in range(4)}
    records, heard = collected(Local("cpu", 2, memory=2**33), specs)
    assert {name: records[name].status for name in fates} == {name: fate[0] for name, fate in fates.items()}
    assert all(fate[1] in records[name].reason for name, fate in fates.items())
    assert [records[f"good {seed}"].status for seed in range(4)] == ["ok"] * 4
    assert {key for what, key in heard if what == "started"} == set(specs)
    assert "noise" not in "".join(capfd.readouterr())


def test_a_run_that_hangs_is_ended_in_time(small, cells):
    specs = {"hangs": small(architecture=f"{cells}:Hangs"), "good": small()}
    records, _ = collected(Local("cpu", 2, timeout=3), specs)
    assert (records["hangs"].status, records["good"].status) == ("timeout", "ok")
    assert "longer than 3 s" in records["hangs"].reason


def test_no_process_is_left_behind(small, cells):
    engine, groups = Local("cpu", 2), set()

    class Notes(Listener):
        def started(self, key):
            groups.update(worker.process.process.pid for worker in engine.workers.values())

    engine.submit("forks", small(architecture=f"{cells}:Forks"))
    while engine.collect(Notes()):
        pass
    assert groups
    assert not engine.workers
    deadline = time.monotonic() + 5  # what is killed takes a moment to go
    while left := [pid for pid in os.listdir("/proc") if pid.isdigit() and _group(pid) in groups]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_runs_that_wait_behind_a_dead_one_are_run_all_the_same(small, cells):
    specs = {"dies": small(architecture=f"{cells}:Exits"), **{str(s): small(seed=s) for s in range(3)}}
    records, _ = collected(Local("cpu", 1), specs)
    assert [records[key].status for key in specs] == ["error", "ok", "ok", "ok"]


def test_inline_runs_in_the_order_of_submission(small):
    specs = {str(seed): replace(small(), seed=seed) for seed in (2, 0, 1)}
    records, heard = collected(Inline(torch.device("cpu")), specs)
    assert list(records) == ["2", "0", "1"]
    assert [key for what, key in heard if what == "started"] == ["2", "0", "1"]


def _group(pid):
    """The process group, which a worker leads and what a plugin forks belongs to; None for one that has ended."""
    try:
        return os.getpgid(int(pid))
    except ProcessLookupError:
        return None
