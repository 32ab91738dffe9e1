"""How far a sweep has come: what was planned, and what the store holds of it by now."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from harness.discovery import footprint, registry
from harness.errors import HarnessError, UsageError
from harness.names import split_parts
from harness.record import Record
from harness.report import Results
from harness.spec import Planned, RunSpec
from harness.tracking import sweep_log
from harness.tracking.store import Store
from harness.tracking.sweep_log import RecordedSweep


class CodeUsed(NamedTuple):
    """The code that a run was computed with."""

    architecture: str
    architecture_code: str
    task: str
    task_code: str
    files: tuple[tuple[str, str], ...]  # from elsewhere: path and digest


@dataclass(frozen=True)
class Standing:
    """One sweep: what was planned, and the newest record of each run of it."""

    store: str  # its address
    sweep: RecordedSweep
    records: dict[str, tuple[str, Record]]  # by identity: MLflow id and record, under the names that the plan gave
    running: set[str]  # identities

    @cached_property
    def missing(self) -> list[Planned]:
        """Planned, and without a result."""
        return [run for run in self.sweep.planned if self._status(run) in ("missing", "running", "interrupted")]

    def results(self) -> Results:
        """What reports are made of."""
        ended = [self.records[run.identity][1] for run in self.sweep.planned if run.identity in self.records]
        name = self.sweep.name
        return Results(
            records=[record for record in ended if record.status != "interrupted"],
            missing=self.missing,
            title=name,
            command=self.sweep.command,
            report_command=shlex.join(["harness", "report", "--sweep", name, "--tracking-uri", self.store]),
            store=self.store,
        )

    def rows(self) -> Iterator[tuple[str, str, Counter[str]]]:
        """Task, architecture, and how many of its runs are planned, have each status, are running, missing, stale."""
        counts: dict[tuple[str, str], Counter[str]] = {}
        stale = cache(is_stale)  # for as long as this takes: a file may be edited meanwhile
        for run in self.sweep.planned:
            row = counts.setdefault((run.task_label, run.label), Counter())
            row.update(["planned", self._status(run)])
            if run.identity in self.records and stale(code_of(self.records[run.identity][1].spec)):
                row["stale"] += 1
        for (task, label), row in counts.items():
            yield task, label, row

    def failures(self) -> list[Record]:
        """Records of runs that have no result, in the order of the plan."""
        records = (self.records[run.identity][1] for run in self.sweep.planned if run.identity in self.records)
        return [record for record in records if record.status not in ("ok", "interrupted")]

    def _status(self, run: Planned) -> str:
        if run.identity in self.running:
            return "running"
        found = self.records.get(run.identity)
        return "missing" if found is None or found[1].status == "interrupted" else found[1].status


def standing(store: Store, name: str | None = None, learning_curves: bool = False) -> Standing:
    """How far the newest sweep has come, or the newest one whose name begins so."""
    sweep = sweep_log.read(store, name)
    planned = {run.identity: run for run in sweep.planned}
    labels = {run.task_label for run in sweep.planned}
    records: dict[str, tuple[str, Record]] = {}
    for run_id, record in store.records(labels, learning_curves):
        run = planned.get(record.identity)
        if run and record.identity not in records:
            spec = replace(record.spec, label=run.label, task_label=run.task_label)
            records[record.identity] = run_id, replace(record, spec=spec)
    return Standing(store.uri, sweep, records, store.running(labels) & planned.keys())


def find(store: Store, name: str) -> tuple[str, Record]:
    """MLflow id and record of the newest run with this MLflow id, or whose identity begins so."""
    if not re.fullmatch("[0-9a-f]{4,32}", name):
        raise UsageError(
            f"A run is named by its identity or its MLflow id, 4 to 32 digits of 0-9 and a-f; got {name!r}."
        )
    found = store.find(name)
    identities = dict.fromkeys(record.identity for _, record in found)
    if not found:
        raise HarnessError(f"No run in {store.uri} is called {name}; harness status names runs by their identity.")
    if len(identities) > 1:
        raise UsageError(f"{name} is the beginning of {len(identities)} runs: {', '.join(identities)}.")
    return found[0]


def code_of(spec: RunSpec) -> CodeUsed:
    """Which plugins a run used, and what their code was."""
    files = tuple(sorted(spec.code_files.items()))
    return CodeUsed(spec.architecture, spec.architecture_code, spec.task, spec.task_code, files)


def is_stale(used: CodeUsed) -> bool:
    """Whether the plugins' code is another by now; not where they cannot be found here."""
    parts = split_parts(used.architecture)
    return (
        _differs("architecture", parts, used.architecture_code)
        or _differs("task", [used.task], used.task_code)
        or any(footprint.digest_of(Path(path)) not in ("", digest) for path, digest in used.files)
    )


def _differs(kind: registry.Kind, names: list[str], code: str) -> bool:
    try:
        return code != "" and "+".join(registry.find(kind, name).fingerprint() for name in names) != code
    except HarnessError:
        return False
