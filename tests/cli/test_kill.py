"""Thirty deaths by SIGKILL in one sweep, of the driver or of a worker, at random moments: none is seen later."""

import contextlib
import os
import random
import shlex
import shutil
import signal
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.record import TIMES
from harness.spec import SweepSpec
from harness.sweeps.plan import plan
from harness.tracking.store import Store

pytestmark = pytest.mark.slow

GRID = "--arch rnn,lstm --task copy --length 5,20,40 --seeds 2"
SETTINGS = {"steps": 120, "validate_every": 20, "validation_sequences": 50, "test_sequences": 100}
LINE = f"run {GRID} --jobs 2 --quiet " + " ".join(f"--{k.replace('_', '-')} {v}" for k, v in SETTINGS.items())
PLANNED = plan(SweepSpec(("rnn", "lstm"), ("copy",), (5, 20, 40), seeds=2, settings=SETTINGS))
DEATHS = 30
LONGEST = 2.0  # seconds between two of them, once workers are there


def test_thirty_deaths_leave_one_good_record_of_every_run_and_change_no_number(start, here, empty_store):
    shutil.copy(empty_store, here / "calm.db")
    assert main([*shlex.split(LINE), "--tracking-uri", f"sqlite:///{here / 'calm.db'}"]) == 0
    chance = random.Random(7)
    deaths: Counter[str] = Counter()
    while deaths.total() < DEATHS:
        running = start(LINE)
        disturb(running, chance, deaths)
        assert not running.left_behind()
    assert min(deaths["driver"], deaths["worker"]) > 5, deaths
    codes = [ended(start(LINE)) for _ in range(2)]
    assert codes[-1] == 0, codes  # the run whose worker was killed last may have been on record as a failure
    assert content(here / "mlflow.db") == content(here / "calm.db")


def disturb(running, chance, deaths):
    """Kills workers, until the driver is killed; now and then before there are workers."""
    early, victim = chance.random() < 0.2, "worker"
    while victim == "worker" and running.process.poll() is None and deaths.total() < DEATHS:
        wait_for_workers(running, at_most=chance.uniform(0, 8) if early else 60)
        time.sleep(chance.uniform(0, LONGEST))
        workers = grandchildren(running)
        victim = "worker" if workers and chance.random() < 0.5 else "driver"
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(workers) if victim == "worker" else running.process.pid, signal.SIGKILL)
            deaths[victim] += running.process.poll() in (None, -signal.SIGKILL)
    running.process.wait(timeout=120)
    assert not running.said.read_text()  # as where a store cannot be opened any more


def wait_for_workers(running, at_most):
    deadline = time.monotonic() + at_most
    while running.process.poll() is None and not grandchildren(running) and time.monotonic() < deadline:
        time.sleep(0.05)


def grandchildren(running):
    """Workers: what the fork server has started, which the driver has started."""
    parents = {}
    for pid in running._marked():
        with contextlib.suppress(OSError):
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return sorted(pid for pid, parent in parents.items() if parents.get(parent) == running.process.pid)


def ended(running):
    code = running.end().code
    assert not running.left_behind()
    return code


def content(path):
    """Of every planned run the whole of its one good record, but for what tells how fast the machine was."""
    store = Store(f"sqlite:///{path}")
    found = {}
    for run_id, record in store.records({"copy"}):
        if record.status == "ok":
            assert record.identity not in found, "a run was recorded twice"
            record.curve = store.learning_curve(run_id)
            found[record.identity] = {key: value for key, value in asdict(record).items() if key not in TIMES}
    assert set(found) == {spec.identity for spec in PLANNED}
    assert not list(store.search("copy", "attributes.status = 'RUNNING'"))
    return found
