"""A grid of runs: finished ones are left out, the rest is handed to an engine, records are collected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.engines import Engine
from harness.process.gc_tuning import no_collection
from harness.process.interrupt import defer_interrupts
from harness.record import FINAL, Record
from harness.spec import Planned, RunSpec, SweepSpec
from harness.sweeps.driver import Display, Driver, Rules
from harness.tracking.curves import write_curves
from harness.tracking.store import Store, StoredRecord
from harness.tracking.sweep_log import recording

_ROUNDS = 3  # of runs that other drivers had begun: each of them may fail to finish one

Reuse = Literal["fresh", "any", "none"]
"""Which finished runs are not run again: those with today's plugin code, those with older code too, or none."""

LearningCurves = Literal["none", "thinned", "whole"]
"""How the learning curves of finished runs are read back."""


@dataclass(frozen=True)
class SweepRequest:
    """A planned sweep, and how it is to be carried out."""

    sweep: SweepSpec
    runs: list[RunSpec]  # what `plan` made of the sweep
    command: str = ""  # the line that was typed, for the log
    title: str = ""  # a name that a person gave the sweep
    reuse: Reuse = "fresh"
    rules: Rules = field(default_factory=Rules)
    only: Set[str] | None = None  # identities to run, finished or not, and no others
    learning_curves: LearningCurves = "none"  # whole ones take a store some milliseconds for each run


@dataclass
class Outcome:
    """What became of a sweep."""

    name: str
    records: list[Record]  # of every planned run that ended, now or before, in the order of the plan
    stored: list[StoredRecord] = field(default_factory=list)  # the same, and where they are
    reused: int = 0  # runs that were finished before
    helped: int = 0  # runs that another driver finished meanwhile
    outdated: int = 0  # finished runs that are not reused: their plugin's code has changed since
    elsewhere: int = 0  # runs that another driver works on
    stopped: str = ""  # why it ended early
    left_out: int = 0  # architectures that cannot be imported
    interrupted: bool = False
    weights_trouble: str = ""  # why weights could not be stored


@dataclass
class StoredRuns:
    """The finished runs of a plan that a store holds."""

    done: dict[str, StoredRecord]  # by planned identity, the newest of each
    outdated: set[str]  # planned identities that are finished with older plugin code only


def execute(request: SweepRequest, engine: Engine, store: Store, display: Display) -> Outcome:
    """Runs what is missing and records it; Ctrl-C ends the sweep with everything finished kept."""
    planned = {spec.identity: spec for spec in request.runs}
    name = name_of_sweep(request.runs)
    display.loading(len(planned))
    stored = load_finished_runs(store, planned, request.reuse, request.learning_curves == "thinned")
    reused = {key: found.record.identity for key, found in stored.done.items()}  # of older code, with reuse "any"
    listed = [replace(Planned.of(spec), identity=reused.get(key, key)) for key, spec in planned.items()]
    with recording(store, name, request.sweep, request.command, listed, request.title) as log:
        store.mark_stale_runs({spec.task_label for spec in request.runs})
        display.planned(planned, {key: found.record for key, found in stored.done.items()})
        driver = Driver(store, display, log, planned, name, request.rules)
        missing = planned.keys() - stored.done if request.only is None else request.only
        interrupted = _drive(driver, engine, missing, stored, request.reuse)
        ended = stored.done | driver.finished
        with defer_interrupts():
            records = [found.record for found in ended.values()]
            driver.retry_until_store_answers(lambda: write_curves(store, records, name))
    if request.learning_curves == "whole":
        ended = {key: _with_learning_curve(store, found) for key, found in ended.items()}
    return Outcome(
        name,
        [ended[key].record for key in planned if key in ended],
        [ended[key] for key in planned if key in ended],
        reused=len(reused.keys() - driver.finished.keys()),
        helped=len(stored.done.keys() - reused.keys() - driver.finished.keys()),
        outdated=len(stored.outdated),
        elsewhere=len(driver.claimed_by_others),
        stopped=driver.stopped,
        interrupted=interrupted,
        weights_trouble=store.weights_trouble,
    )


@no_collection()
def load_finished_runs(
    store: Store, planned: dict[str, RunSpec], reuse: Reuse, learning_curves: bool = False
) -> StoredRuns:
    """Which planned runs need not be run again. `learning_curves`: with theirs, thinned."""
    found = StoredRuns({}, set())
    if reuse == "none":
        return found
    codeless = {_codeless(spec): key for key, spec in planned.items()}
    for run_id, record in store.records({spec.task_label for spec in planned.values()}, learning_curves):
        if record.status not in FINAL:
            continue
        identity = record.identity if record.identity in planned else codeless.get(_codeless(record.spec))
        if identity is None or identity in found.done:
            continue
        if identity == record.identity or reuse == "any":
            found.done[identity] = StoredRecord(run_id, replace(record, spec=_renamed(record, planned[identity])))
        else:
            found.outdated.add(identity)
    found.outdated -= found.done.keys()
    return found


def _drive(driver: Driver, engine: Engine, missing: Set[str], stored: StoredRuns, reuse: Reuse) -> bool:
    """Executes what is missing, then what other drivers had begun and did not finish; whether it was interrupted."""
    for _ in range(_ROUNDS):
        keys = [key for key in driver.planned if key in missing]
        if driver.drive(engine, sorted(keys, key=lambda key: driver.planned[key].seed)):
            return True
        theirs = {key: driver.planned[key] for key in driver.claimed_by_others}
        if driver.stopped or not theirs:
            break
        stored.done |= load_finished_runs(driver.store, theirs, reuse).done
        at_work = driver.store.running({spec.task_label for spec in theirs.values()})
        driver.claimed_by_others &= at_work - stored.done.keys()
        missing = theirs.keys() - stored.done - at_work
    return False


def name_of_sweep(runs: Iterable[RunSpec]) -> str:
    """What the records of a sweep are marked with: a digest of all it consists of, plugin code and labels included."""
    content = sorted({(spec.identity, spec.label) for spec in runs})
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _with_learning_curve(store: Store, found: StoredRecord) -> StoredRecord:
    return StoredRecord(found.run_id, replace(found.record, curve=store.learning_curve(found.run_id)))


def _renamed(record: Record, planned: RunSpec) -> RunSpec:
    """What was run, under the names it has in this sweep: its label may be another, its code may be older."""
    if record.identity == planned.identity:
        return planned
    names = {name: getattr(planned, name) for name in ("architecture", "task", "label", "task_label")}
    return replace(record.spec, **names)


def _codeless(spec: RunSpec) -> str:
    """The identity without the plugins' code."""
    return replace(spec, architecture_code="", task_code="", task_data="", code_files={}).identity
