"""The driver of a sweep: records what the engine reports of runs, shows it, and submits failed runs again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from harness.engines import Engine
from harness.errors import StoreError
from harness.process import interrupt
from harness.record import FAILED, WORTH_A_RETRY, Progress, Record
from harness.spec import RunSpec
from harness.tracking.address import sqlite_path
from harness.tracking.connect import SECONDS_FOR_A_LOCK
from harness.tracking.store import Store, StoredRecord
from harness.training.build import build_task, know_task
from harness.training.device import git_revision

_SECONDS_BETWEEN_TRIES = 2.0
_SECONDS_FOR_A_FILE, _SECONDS_FOR_A_SERVER = SECONDS_FOR_A_LOCK, 600.0  # to wait for a store that fails
_T = TypeVar("_T")


class Display(Protocol):
    """Shows a sweep while it goes on. Called in the driver's thread only, in the order of the methods here."""

    def loading(self, runs: int) -> None:
        """So many runs are planned; the store is searched for those that are finished."""

    def planned(self, runs: Mapping[str, RunSpec], done: Mapping[str, Record]) -> None:
        """All planned runs by key, and the records of those that are finished."""

    def started(self, key: str) -> None:
        """A run began."""

    def progressed(self, key: str, progress: Progress) -> None:
        """A run that began is at this point."""

    def ended(self, key: str, record: Record) -> None:
        """A run ended, and its record is written."""

    def retrying(self, key: str, record: Record) -> None:
        """A run failed, its record is written, and it is submitted again."""

    def waiting_for_store(self, reason: str) -> None:
        """The store failed and is asked again; called every two seconds."""


class Heartbeat(Protocol):
    """Where a driver tells others that it works."""

    def send_heartbeat(self) -> None:
        """Called often; writes now and then."""


@dataclass(frozen=True)
class Rules:
    """How a sweep is carried out; nothing of it changes a result."""

    retry: int = 0  # times that a run which failed is submitted again
    max_failures: int | None = None  # the sweep ends when so many runs failed
    shared: bool = True  # leave runs to other drivers that have begun or finished them
    wait_for_store: float | None = None  # seconds; None: a minute for a file, ten for a server


class Driver:
    """One sweep on one engine. Subclasses may replace `start_run` and extend `finish_run`."""

    def __init__(
        self,
        store: Store,
        display: Display,
        heartbeat: Heartbeat,
        planned: dict[str, RunSpec],
        sweep: str,
        rules: Rules,
    ) -> None:
        self.store = store
        self.display = display
        self.heartbeat = heartbeat
        self.planned = planned  # by key
        self.sweep = sweep  # its name
        self.rules = rules
        self.running: dict[str, str] = {}  # MLflow id by key
        self.finished: dict[str, StoredRecord] = {}  # by key; records without learning curve and weights
        self.claimed_by_others: set[str] = set()  # keys
        self.attempts: Counter[str] = Counter()
        self.stopped = ""  # why the sweep ended early
        self.revision = git_revision()

    def drive(self, engine: Engine, keys: list[str]) -> bool:
        """Has the engine execute these runs until none is left; whether it was interrupted."""
        for key in keys:
            engine.submit(key, self.planned[key])
        try:
            while ended := engine.collect(self):
                with interrupt.defer_interrupts():
                    for key, record in ended:
                        self.finish_run(key, record, engine)
                if any(record.status == "interrupted" for _, record in ended):
                    raise KeyboardInterrupt
                if self._too_many_failures():
                    self._stop(engine)
                    return False
        except KeyboardInterrupt:
            self._stop(engine)
            return True
        except BaseException:  # such as StoreError: nothing more can be recorded
            engine.cancel()
            raise
        return False

    def claim(self, key: str) -> bool:
        """Whether this run is ours to execute; from now on the store holds it as RUNNING."""
        if key in self.running:
            return True
        with interrupt.defer_interrupts():
            run_id = self.retry_until_store_answers(lambda: self._claim_or_start(key))
            if run_id is None:
                self.claimed_by_others.add(key)
                return False
            self.running[key] = run_id
        return True

    def started(self, key: str) -> None:
        self.display.started(key)

    def progressed(self, key: str, progress: Progress) -> None:
        self.display.progressed(key, progress)
        with suppress(StoreError):  # the driver waits for the store when there is a record to write
            self.heartbeat.send_heartbeat()

    def start_run(self, key: str) -> str:
        """Makes the MLflow run (status RUNNING) of a run that nobody else may have; returns its id."""
        return self.store.start(self.planned[key], self.sweep)

    def finish_run(self, key: str, record: Record, engine: Engine | None = None) -> None:
        """Writes the record of a run that ended; submits it to the engine again where the rules say so."""
        self.attempts[key] += 1
        record.attempt = self.attempts[key]
        if not record.chances:  # the worker died before it sent these; left empty if the task cannot be built
            with suppress(Exception, SystemExit):
                know_task(record, build_task(record.spec.task, record.spec.task_options))
        if self.revision:
            record.environment["git"] = self.revision
        run_id = self.retry_until_store_answers(lambda: self._write(key, record))
        self.running.pop(key, None)
        if engine and record.status in WORTH_A_RETRY and self.attempts[key] <= self.rules.retry:
            self.display.retrying(key, record)
            engine.submit(key, self.planned[key])
        else:
            self.finished[key] = StoredRecord(run_id, replace(record, curve=[], weights=b""))
            self.display.ended(key, record)

    def retry_until_store_answers(self, call: Callable[[], _T]) -> _T:
        """Calls the store again while it fails: trained runs are not given up because a server restarts.

        Raises StoreError after a minute for a file, ten minutes for a server, or when Ctrl-C was pressed.
        """
        wait = self.rules.wait_for_store
        if wait is None:
            wait = _SECONDS_FOR_A_FILE if sqlite_path(self.store.uri) else _SECONDS_FOR_A_SERVER
        deadline = time.monotonic() + wait
        while True:
            try:
                return call()
            except StoreError as error:
                if interrupt.is_deferred() or time.monotonic() >= deadline:
                    raise
                self.display.waiting_for_store(str(error).splitlines()[0])
                time.sleep(_SECONDS_BETWEEN_TRIES)

    def _claim_or_start(self, key: str) -> str | None:
        """The MLflow id of the run; None where another driver has it."""
        return self.store.claim(self.planned[key], self.sweep) if self.rules.shared else self.start_run(key)

    def _write(self, key: str, record: Record) -> str:
        run_id = self.running.get(key) or self.start_run(key)
        self.store.finish(run_id, record)
        return run_id

    def _stop(self, engine: Engine) -> None:
        """Starts nothing new; keeps what had ended, and records what is running as interrupted."""
        engine.cancel()
        for key, record in engine.collect(self):
            self.finish_run(key, record)
        for key in list(self.running):
            self.finish_run(key, Record(self.planned[key], reason="by Ctrl-C or a signal"))

    def _too_many_failures(self) -> bool:
        failed = sum(stored.record.status in FAILED for stored in self.finished.values())
        if self.rules.max_failures is not None and failed >= self.rules.max_failures:
            self.stopped = f"{failed} run{'s' if failed > 1 else ''} failed, as many as --max-failures allows"
        return bool(self.stopped)
