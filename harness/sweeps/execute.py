"""A grid of runs: planned, what is done already left out, the rest handed to an engine, records collected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Literal

from harness.engines import Engine
from harness.process.interrupt import defer_interrupts
from harness.record import FINAL, Record
from harness.spec import Planned, RunSpec, SweepSpec
from harness.sweeps.driver import Display, Driver, Rules
from harness.tracking.curves import write_curves
from harness.tracking.store import Store
from harness.tracking.sweep_log import written

_PLAIN = Rules()
_ROUNDS = 3  # of runs that other drivers had begun: each of them may fail to finish one


Reuse = Literal["fresh", "any", "none"]
"""Which finished runs stand: those of today's plugin code, those of older code too, or none."""


@dataclass
class Outcome:
    """What became of a sweep."""

    name: str
    records: list[Record]  # of every planned run that ended, now or before, in the order of the plan
    reused: int = 0  # runs that were finished before
    helped: int = 0  # runs that another driver finished meanwhile
    stale: int = 0  # finished runs that are not reused: their plugin's code has changed since
    elsewhere: int = 0  # runs that another driver is at work on
    stopped: str = ""  # why it ended before its time
    weights_trouble: str = ""  # why weights could not be stored
    interrupted: bool = False


@dataclass
class Found:
    """What a store holds of a plan."""

    done: dict[str, tuple[str, Record]]  # by planned identity: MLflow id and record, the newest of each
    stale: set[str]  # planned identities that are finished with older plugin code only


def execute(
    sweep: SweepSpec,
    runs: list[RunSpec],
    engine: Engine,
    store: Store,
    display: Display,
    reuse: Reuse = "fresh",
    rules: Rules = _PLAIN,
    command: str = "",
    only: Set[str] | None = None,
    curves: bool = False,
) -> Outcome:
    """Runs what is missing and records it; Ctrl-C ends the sweep with everything finished kept.

    `command`: the line that was typed, for the record. `only`: identities to run, finished or not, and no others.
    `curves`: read the learning curves of all runs back, which takes a store some milliseconds for each.
    """
    planned = {spec.identity: spec for spec in runs}
    name = _name(planned)
    display.looking(len(planned))
    found = finished(store, planned, reuse)
    reused = {key: record.identity for key, (_, record) in found.done.items()}  # of older code, with reuse "any"
    listed = [replace(Planned.of(spec), identity=reused.get(key, key)) for key, spec in planned.items()]
    with written(store, name, sweep, command, listed) as journal:
        store.bury_lost({spec.task_label for spec in runs})
        display.planned(planned, len(found.done))
        driver = Driver(store, display, journal, planned, name, rules)
        missing = planned.keys() - found.done if only is None else only
        interrupted = _work(driver, engine, missing, found, reuse)
        cells = found.done | driver.cells
        with defer_interrupts():
            driver.patiently(lambda: write_curves(store, [record for _, record in cells.values()], name))
    if curves:
        cells = {key: (run_id, replace(r, curve=store.learning_curve(run_id))) for key, (run_id, r) in cells.items()}
    return Outcome(
        name,
        [cells[key][1] for key in planned if key in cells],
        reused=len(reused.keys() - driver.cells.keys()),
        helped=len(found.done.keys() - reused.keys() - driver.cells.keys()),
        stale=len(found.stale),
        elsewhere=len(driver.elsewhere),
        stopped=driver.stopped,
        weights_trouble=store.weights_trouble,
        interrupted=interrupted,
    )


def _work(driver: Driver, engine: Engine, missing: Set[str], found: Found, reuse: Reuse) -> bool:
    """Executes what is missing, then what other drivers had begun and did not finish; whether it was interrupted."""
    for _ in range(_ROUNDS):
        if driver.drive(engine, sorted(missing, key=lambda key: _turn(driver.planned[key]))):
            return True
        theirs = {key: driver.planned[key] for key in driver.elsewhere}
        if driver.stopped or not theirs:
            break
        found.done |= finished(driver.store, theirs, reuse).done
        at_work = driver.store.running({spec.task_label for spec in theirs.values()})
        driver.elsewhere &= at_work - found.done.keys()
        missing = theirs.keys() - found.done - at_work
    return False


def _name(planned: dict[str, RunSpec]) -> str:
    """What the records of a sweep are marked with: a digest of all it consists of, plugin code and labels included."""
    content = sorted((identity, spec.label) for identity, spec in planned.items())
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _turn(spec: RunSpec) -> tuple[int, int, str]:
    """Seed by seed; within one the longest first, so that workers end together. The identity settles the rest."""
    return spec.seed, -spec.length * spec.steps * spec.batch_size, spec.identity


def finished(store: Store, planned: dict[str, RunSpec], reuse: Reuse) -> Found:
    """Which planned runs need not be run again."""
    found = Found({}, set())
    if reuse == "none":
        return found
    codeless = {_codeless(spec): key for key, spec in planned.items()}
    for run_id, record in store.records({spec.task_label for spec in planned.values()}):
        if record.status not in FINAL:
            continue
        identity = record.identity if record.identity in planned else codeless.get(_codeless(record.spec))
        if identity is None or identity in found.done:
            continue
        if identity == record.identity or reuse == "any":
            found.done[identity] = run_id, replace(record, spec=_named_like(record, planned[identity]))
        else:
            found.stale.add(identity)
    found.stale -= found.done.keys()
    return found


def _named_like(record: Record, planned: RunSpec) -> RunSpec:
    """What was run, under the names it has in this sweep: its label may be another, its code may be older."""
    if record.identity == planned.identity:
        return planned
    names = {name: getattr(planned, name) for name in ("architecture", "task", "label", "task_label")}
    return replace(record.spec, **names)


def _codeless(spec: RunSpec) -> str:
    """The identity but for the plugins' source."""
    return replace(spec, architecture_code="", task_code="", task_data="", code_files={}).identity
