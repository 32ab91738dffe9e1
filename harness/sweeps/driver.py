"""The driver of a sweep: hears from the engine what becomes of runs, writes it to the store, shows it, tries again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from harness.engines import Engine
from harness.errors import StoreError
from harness.process.interrupt import defer_interrupts
from harness.record import FAILED, WORTH_A_RETRY, Progress, Record
from harness.spec import RunSpec
from harness.tracking.connect import sqlite_path
from harness.tracking.store import Store
from harness.training.build import build_task, know_task
from harness.training.device import git_revision

_SECONDS_BETWEEN_TRIES = 2.0
_PATIENCE_WITH_A_FILE, _PATIENCE_WITH_A_SERVER = 10.0, 600.0  # seconds
_T = TypeVar("_T")


class Display(Protocol):
    """Shows a sweep while it goes on."""

    def looking(self, runs: int) -> None: ...
    def planned(self, runs: dict[str, RunSpec], done: int) -> None: ...
    def started(self, key: str) -> None: ...
    def progressed(self, key: str, progress: Progress) -> None: ...
    def ended(self, key: str, record: Record) -> None: ...
    def again(self, key: str, record: Record) -> None: ...
    def waiting(self, reason: str) -> None: ...


class Beating(Protocol):
    """Where a driver tells that it is alive."""

    def beat(self) -> None: ...


@dataclass(frozen=True)
class Rules:
    """How a sweep is carried out; nothing of it changes a result."""

    retry: int = 0  # times that a run which failed is tried again
    max_failures: int | None = None  # the sweep ends when so many runs failed
    shared: bool = True  # leave runs to other drivers that have begun or finished them
    patience: float | None = None  # seconds to wait for a store that does not answer; None: as long as that may help


class Driver:
    """One sweep on one engine."""

    def __init__(
        self, store: Store, display: Display, journal: Beating, planned: dict[str, RunSpec], sweep: str, rules: Rules
    ) -> None:
        self.store, self.display, self.journal = store, display, journal
        self.planned, self.sweep, self.rules = planned, sweep, rules
        self.running: dict[str, str] = {}  # identity: MLflow id
        self.cells: dict[str, tuple[str, Record]] = {}  # by identity: MLflow id and record, without its learning curve
        self.elsewhere: set[str] = set()  # identities that other drivers have
        self.attempts: Counter[str] = Counter()
        self.pressed: list[int] = []
        self.stopped = ""  # why it ended before its time
        self.revision = git_revision()

    def drive(self, engine: Engine, keys: list[str]) -> bool:
        """Has the engine execute these runs until none is left; whether it was interrupted."""
        for key in keys:
            engine.submit(key, self.planned[key])
        try:
            while ended := engine.collect(self):
                with defer_interrupts() as self.pressed:
                    for key, record in ended:
                        self._end(key, record, engine)
                if any(record.status == "interrupted" for _, record in ended):
                    raise KeyboardInterrupt
                if self._too_many_failures():
                    self._stop(engine)
                    return False
        except KeyboardInterrupt:
            self._stop(engine)
            return True
        except BaseException:  # as where nothing more can be recorded
            engine.cancel()
            raise
        return False

    def claim(self, key: str) -> bool:
        """Whether this run is ours to execute; it has a RUNNING cell from now on."""
        if key in self.running:
            return True
        with defer_interrupts() as self.pressed:
            run_id = self.patiently(lambda: self._begin(key))
            if run_id is None:
                self.elsewhere.add(key)
                return False
            self.running[key] = run_id
        return True

    def started(self, key: str) -> None:
        self.display.started(key)

    def progressed(self, key: str, progress: Progress) -> None:
        self.display.progressed(key, progress)
        with suppress(StoreError):  # the store is waited for when there is a record to write
            self.journal.beat()

    def _end(self, key: str, record: Record, engine: Engine | None = None) -> None:
        """Writes what became of a run; one that failed is handed to the engine again, if any and if it may be."""
        self.attempts[key] += 1
        record.attempt = self.attempts[key]
        if not record.chances:  # its process did not live to tell
            with suppress(Exception, SystemExit):  # nor can it be told: the record's own reason says why
                know_task(record, build_task(record.spec.task, record.spec.task_options))
        if self.revision:
            record.environment["git"] = self.revision
        run_id = self.patiently(lambda: self._written(key, record))
        self.running.pop(key, None)
        if engine and record.status in WORTH_A_RETRY and self.attempts[key] <= self.rules.retry:
            self.display.again(key, record)
            engine.submit(key, self.planned[key])
        else:
            self.cells[key] = run_id, replace(record, curve=[], weights=b"")
            self.display.ended(key, record)

    def _begin(self, key: str) -> str | None:
        """Makes the RUNNING cell; None where another driver has the run."""
        return self.store.claim(self.planned[key], self.sweep) if self.rules.shared else self._start(key)

    def _start(self, key: str) -> str:
        return self.store.start(self.planned[key], self.sweep)

    def _written(self, key: str, record: Record) -> str:
        run_id = self.running.get(key) or self._start(key)
        self.store.finish(run_id, record)
        return run_id

    def _stop(self, engine: Engine) -> None:
        """Starts nothing new; what had ended is kept, what is running is recorded as interrupted."""
        engine.cancel()
        for key, record in engine.collect(self):
            self._end(key, record)
        for key in list(self.running):
            self._end(key, Record(self.planned[key], reason="by Ctrl-C or a signal"))

    def _too_many_failures(self) -> bool:
        failed = sum(record.status in FAILED for _, record in self.cells.values())
        if self.rules.max_failures is not None and failed >= self.rules.max_failures:
            self.stopped = f"{failed} run{'s' if failed > 1 else ''} failed, as many as --max-failures allows"
        return bool(self.stopped)

    def patiently(self, call: Callable[[], _T]) -> _T:
        """Does it as soon as the store answers; nothing that was trained is given up for a server that restarts."""
        patience = self.rules.patience
        if patience is None:
            patience = _PATIENCE_WITH_A_FILE if sqlite_path(self.store.uri) else _PATIENCE_WITH_A_SERVER
        deadline = time.monotonic() + patience
        while True:
            try:
                return call()
            except StoreError as error:
                if self.pressed or time.monotonic() >= deadline:
                    raise
                self.display.waiting(str(error).splitlines()[0])
                time.sleep(_SECONDS_BETWEEN_TRIES)
