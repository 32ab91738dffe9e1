"""How far a sweep has come: what was planned, and what the store holds of it by now."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from harness.errors import HarnessError, UsageError
from harness.record import Record
from harness.report import Results
from harness.spec import Planned
from harness.tracking.outdated import outdated_runs
from harness.tracking.store import Store, StoredRecord
from harness.tracking.sweep_log import RecordedSweep, load_sweep, load_sweeps


class StatusRow(NamedTuple):
    """The runs of one architecture on one task."""

    task_label: str
    label: str
    counts: Counter[str]  # planned, running, missing, outdated, and every status


@dataclass(frozen=True)
class SweepStatus:
    """One sweep: what was planned, and the newest record of each run of it."""

    store: str  # its address
    sweep: RecordedSweep
    records: dict[str, StoredRecord]  # by identity, under the labels that the plan gave
    running: set[str]  # identities
    unreadable: dict[str, str] = field(default_factory=dict)  # by MLflow id, why a record on its tasks cannot be read

    @cached_property
    def missing(self) -> list[Planned]:
        """Planned runs without a result."""
        return [run for run in self.sweep.planned if self._status(run) in ("missing", "running", "interrupted")]

    def results(self) -> Results:
        """The records in the order of the plan, and where they come from."""
        sweep = self.sweep
        return Results(
            records=[record for record in self._ended() if record.status != "interrupted"],
            missing=self.missing,
            title=sweep.title or sweep.name,
            command=sweep.command,
            report_command=shlex.join(["harness", "report", "--sweep", sweep.name, "--tracking-uri", self.store]),
            store=self.store,
        )

    def rows(self) -> Iterator[StatusRow]:
        """The counts of each architecture on each task, in the order of the plan."""
        counts: dict[tuple[str, str], Counter[str]] = {}
        outdated = outdated_runs(stored.record for stored in self.records.values())
        for run in self.sweep.planned:
            row = counts.setdefault((run.task_label, run.label), Counter())
            row.update(["planned", self._status(run)])
            if run.identity in self.records and self.records[run.identity].record.identity in outdated:
                row["outdated"] += 1
        for (task, label), row in counts.items():
            yield StatusRow(task, label, row)

    def failures(self) -> list[Record]:
        """Records of runs that have no result, in the order of the plan."""
        return [record for record in self._ended() if record.status not in ("ok", "interrupted")]

    def _ended(self) -> list[Record]:
        return [self.records[run.identity].record for run in self.sweep.planned if run.identity in self.records]

    def _status(self, run: Planned) -> str:
        if run.identity in self.running:
            return "running"
        stored = self.records.get(run.identity)
        return "missing" if stored is None or stored.record.status == "interrupted" else stored.record.status


def load_status(
    store: Store, name: str | None = None, learning_curves: bool = False, known: Sequence[StoredRecord] = ()
) -> SweepStatus:
    """How far the newest sweep has come, or the one that `load_sweep` finds for this name.

    `known`: records that were read just now; where they are those of all planned runs, they are not read again.
    """
    sweep = load_sweep(store, name)
    labels = {run.task_label for run in sweep.planned}
    newest = {stored.record.identity: stored for stored in known}
    if not newest.keys() >= {run.identity for run in sweep.planned}:
        newest = _newest(store, labels, learning_curves)
    return _status(store, sweep, newest, store.running(labels))


def load_every_status(store: Store) -> list[SweepStatus]:
    """How far every sweep has come, newest first; the records are read once for all."""
    sweeps = load_sweeps(store)
    labels = {run.task_label for sweep in sweeps for run in sweep.planned}
    newest = _newest(store, labels, learning_curves=False)
    running = store.running(labels)
    return [_status(store, sweep, newest, running) for sweep in sweeps]


def _newest(store: Store, labels: set[str], learning_curves: bool) -> dict[str, StoredRecord]:
    """The newest record of each run on some tasks, by identity."""
    newest: dict[str, StoredRecord] = {}
    for stored in store.records(labels, learning_curves):
        newest.setdefault(stored.record.identity, stored)
    return newest


def _status(store: Store, sweep: RecordedSweep, newest: dict[str, StoredRecord], running: set[str]) -> SweepStatus:
    records: dict[str, StoredRecord] = {}
    for run in sweep.planned:
        stored = newest.get(run.identity)
        if stored:
            spec = replace(stored.record.spec, label=run.label, task_label=run.task_label)
            records[run.identity] = StoredRecord(stored.run_id, replace(stored.record, spec=spec))
    planned = {run.identity for run in sweep.planned}
    return SweepStatus(store.uri, sweep, records, running & planned, dict(store.unreadable))


def find_runs(store: Store, names: Iterable[str]) -> list[StoredRecord]:
    """The newest runs with these names, which are of one task and length; HarnessError where they are not."""
    found = [find_run(store, name) for name in dict.fromkeys(names)]
    if not found:
        raise UsageError("Name at least one run: harness runs lists them.")
    if len({(stored.record.spec.task_label, stored.record.spec.length) for stored in found}) > 1:
        raise UsageError("These runs are of several tasks or lengths: inspect them one after another.")
    return found


def find_run(store: Store, name: str) -> StoredRecord:
    """The newest run with this MLflow id, or whose identity begins so; HarnessError for none."""
    if not re.fullmatch("[0-9a-f]{4,32}", name):
        raise UsageError(
            f"A run is named by its identity or its MLflow id, 4 to 32 digits of 0-9 and a-f; got {name!r}."
        )
    found = store.find(name)
    identities = dict.fromkeys(stored.record.identity for stored in found)
    if not found:
        raise HarnessError(f"No run in {store.uri} is called {name}; harness runs lists them.")
    if len(identities) > 1:
        raise UsageError(f"{name} is the beginning of {len(identities)} runs: {', '.join(identities)}.")
    return found[0]
