"""The engine of one machine: worker processes forked from a server that has torch and Lightning imported already.

A run that dies takes nothing else with it: the driver sees the process end, records what happened and starts another
worker. A worker computes with one thread, so there is one for each core, or for each slot of an accelerator.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from multiprocessing.connection import wait
from typing import Any

from harness.engines import EndedRun, Listener
from harness.engines.isolation import foreign_code
from harness.engines.run_queue import RunQueue, WaitingRun
from harness.engines.worker_handle import WorkerHandle
from harness.process.fork_server import start_fork_server
from harness.process.interrupt import defer_interrupts
from harness.record import Record
from harness.spec import RunSpec

_SECONDS_TO_END = 3.0
_MAX_FAILED_STARTS = 3  # workers that may die over a run before it has begun; then the run is recorded as an error


class Local:
    """Runs in up to `jobs` worker processes; `slots` gives the accelerator that each may see (None: on the CPU)."""

    def __init__(
        self,
        device: str,
        jobs: int,
        slots: list[str] | None = None,
        timeout: float | None = None,
        memory: int | None = None,
    ) -> None:
        start_fork_server()
        self.device = device
        self.jobs = jobs
        self.slots = slots
        self.timeout = timeout  # seconds for each run
        self.memory = memory  # bytes of data that each worker may hold
        self.waiting = RunQueue()
        self.runs: dict[str, WaitingRun] = {}  # every run that was submitted, by key
        self.workers: dict[int, WorkerHandle] = {}  # by slot
        self.ended: list[EndedRun] = []  # not handed back yet
        self.failed_starts: Counter[str] = Counter()

    @property
    def capacity(self) -> int:
        return self.jobs

    def submit(self, key: str, spec: RunSpec) -> None:
        self.runs[key] = WaitingRun(key, spec, foreign_code(spec))
        self.waiting.add(self.runs[key])

    def collect(self, listener: Listener) -> list[EndedRun]:
        while not self.ended:
            self._assign_runs(listener)
            if not any(worker.assigned for worker in self.workers.values()):
                self._end_workers()
                return []
            self._receive(listener)
        self._assign_runs(listener)  # before the driver writes: a worker should not wait for that
        ended, self.ended = self.ended, []
        return ended

    def stop(self, key: str) -> None:
        for worker in self.workers.values():
            if key in worker.assigned:
                worker.stop(key)

    def cancel(self) -> None:
        self.waiting.clear()
        self._end_workers()

    def _assign_runs(self, listener: Listener) -> None:
        """One run for each worker and, while many wait, a second one, so that no worker is ever idle."""
        for slot in range(self.jobs):
            if slot not in self.workers or not self.workers[slot].assigned:
                self._assign_first(slot, listener)
        for worker in self.workers.values():
            if len(self.waiting) > self.jobs and len(worker.assigned) == 1:
                run = self._claim_next(worker.code, listener)
                if run:
                    worker.assign(run.key, run.spec.to_json())

    def _assign_first(self, slot: int, listener: Listener) -> None:
        """Gives an idle slot its next run: of the code that its worker has loaded, else in a new worker."""
        worker = self.workers.get(slot)
        run = self._claim_next(worker.code, listener) if worker else None
        if not run:
            run = self._claim_next(None, listener)
        if not run:
            return
        if worker and worker.code != run.code:
            self._retire(slot)
        if slot not in self.workers:
            visible = self.slots[slot] if self.slots else None
            self.workers[slot] = WorkerHandle.start(self.device, visible, self.memory, run.code)
        self.workers[slot].assign(run.key, run.spec.to_json())

    def _claim_next(self, code: str | None, listener: Listener) -> WaitingRun | None:
        """The next waiting run, of this code if one is given, that no other driver has."""
        while True:
            run = self.waiting.take(code)
            if run is None or listener.claim(run.key):
                return run

    def _receive(self, listener: Listener) -> None:
        """Waits for messages, and gathers the runs that ended, by themselves or with their process."""
        sources: dict[Any, int] = {}  # what becomes ready when there is news, to slot
        for slot, worker in self.workers.items():
            sources |= {worker.process.pipe: slot, worker.process.process.sentinel: slot}
        ready = wait(list(sources), timeout=self._seconds_to_timeout())
        with defer_interrupts():  # or what was read just before Ctrl-C would be lost
            for slot in {sources[source] for source in ready}:
                worker = self.workers[slot]
                self._read(worker, listener)
                if worker.retired:
                    self._retire(slot)
                elif not worker.process.process.is_alive():
                    self._read(worker, listener)
                    reason = worker.process.exit_reason()
                    self._fail(slot, "out_of_memory" if reason.out_of_memory else "error", reason.text)
            self._end_overdue()

    def _read(self, worker: WorkerHandle, listener: Listener) -> None:
        for kind, key, content in worker.messages():
            if kind == "started":
                listener.started(key)
            elif kind == "progress":
                listener.progressed(key, content)
            else:
                if content.status == "ok":
                    self.waiting.record_duration(content.spec, content.seconds)
                self.ended.append(EndedRun(key, _not_interrupted(content)))

    def _seconds_to_timeout(self) -> float | None:
        """Seconds until the first running run is overdue."""
        if self.timeout is None:
            return None
        running = [worker.since for worker in self.workers.values() if worker.assigned]
        return max(0.0, min(running, default=time.monotonic()) + self.timeout - time.monotonic())

    def _end_overdue(self) -> None:
        if self.timeout is None:
            return
        now = time.monotonic()
        for slot in [slot for slot, w in self.workers.items() if w.assigned and now - w.since >= self.timeout]:
            self._fail(slot, "timeout", f"it took longer than {self.timeout:g} s")

    def _fail(self, slot: int, status: str, reason: str) -> None:
        """Ends a worker and records the run that had started in it; where none had, the first assigned run waits again,
        unless that has happened too often."""
        worker = self.workers[slot]
        if worker.assigned and not worker.running:
            key = worker.assigned[0]
            self.failed_starts[key] += 1
            if self.failed_starts[key] == _MAX_FAILED_STARTS:
                worker.running = key
                status, reason = "error", f"its process ended {_MAX_FAILED_STARTS} times before it began: {reason}"
        if worker.running:
            key = worker.assigned.popleft()
            record = Record(self.runs[key].spec, status, reason, worker.process.output())  # type: ignore[arg-type]
            self.ended.append(EndedRun(key, record))
        self._retire(slot)

    def _retire(self, slot: int) -> None:
        """Ends a worker for good; what it had not begun yet waits again."""
        worker = self.workers.pop(slot)
        worker.process.end()
        self.waiting.put_back(self.runs[key] for key in worker.assigned)

    def _end_workers(self) -> None:
        """Ends all workers; of runs that are interrupted by it, what they have found so far is kept."""
        for worker in self.workers.values():
            worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_END
        for worker in self.workers.values():
            worker.process.process.join(max(0.0, deadline - time.monotonic()))
            self.ended += [EndedRun(key, record) for kind, key, record in worker.messages() if kind == "ended"]
            worker.process.end()
        self.workers.clear()


def _not_interrupted(record: Record) -> Record:
    """An 'interrupted' record that we did not ask for means a signal from elsewhere: it is an error."""
    if record.status == "interrupted":
        record.status, record.reason = "error", "it was ended by a signal that was not ours"
    return record
