"""The engine of one machine: worker processes forked from a server that has torch and Lightning imported already.

A run that dies takes nothing else with it: the driver sees the process end, records what happened and starts another
worker. A worker computes with one thread, so there is one for each core, or for each slot of an accelerator.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait

from harness.engines import Listener
from harness.engines.run_queue import Turns
from harness.engines.worker_handle import Handle
from harness.process.interrupt import held_back
from harness.process.parent_death import DRIVER
from harness.record import Record
from harness.spec import RunSpec

_PRELOADED = ["harness.engines.worker"]
_ENDING_WITH_THE_DRIVER = ["harness.engines.preload"]
_SECONDS_TO_END = 3.0
_FALSE_STARTS = 3  # workers that may die over a run before it has begun: the third time it is to blame


def warm_up() -> None:
    """Starts the fork server, which imports torch and Lightning while the driver does other things."""
    bound = threading.current_thread() is threading.main_thread()  # another thread may end before the driver does
    preloaded = [*(_ENDING_WITH_THE_DRIVER if bound else []), *_PRELOADED]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when a process first starts threads: ours and the workers'
    resource_tracker.ensure_running()  # the fork server would start it, and it would unblock the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: the driver alone hears Ctrl-C
    try:
        with _environment(PYTHONSAFEPATH="1", **({DRIVER: str(os.getpid())} if bound else {})):
            forkserver.ensure_running()  # by safe path: a `random.py` in the working folder would shadow the library's
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


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
        warm_up()
        self.device, self.jobs, self.slots, self.timeout, self.memory = device, jobs, slots, timeout, memory
        self.waiting = Turns()
        self.specs: dict[str, RunSpec] = {}
        self.workers: dict[int, Handle] = {}  # by slot
        self.ended: list[tuple[str, Record]] = []  # not handed back yet
        self.false_starts: Counter[str] = Counter()

    @property
    def room(self) -> int:
        return self.jobs

    def submit(self, key: str, spec: RunSpec) -> None:
        self.specs[key] = spec
        self.waiting.add(key, spec)

    def collect(self, listener: Listener) -> list[tuple[str, Record]]:
        while not self.ended:
            self._assign(listener)
            if not any(worker.assigned for worker in self.workers.values()):
                self._dismiss()
                return []
            self._hear(listener)
        self._assign(listener)  # before the driver writes: a worker should not wait for that
        ended, self.ended = self.ended, []
        return ended

    def stop(self, key: str) -> None:
        for worker in self.workers.values():
            if key in worker.assigned:
                worker.stop(key)

    def cancel(self) -> None:
        self.waiting.clear()
        self._dismiss()

    def _assign(self, listener: Listener) -> None:
        """One run for each worker and, while many wait, a second one, so that no worker is ever idle."""
        for depth in (1, 2):
            for slot in range(self.jobs):
                enough = len(self.waiting) > (0 if depth == 1 else self.jobs)
                if enough and (slot not in self.workers or len(self.workers[slot].assigned) < depth):
                    self._give(slot, listener)

    def _give(self, slot: int, listener: Listener) -> None:
        """Hands the next run that is ours to the worker of a slot."""
        while self.waiting:
            key = self.waiting.next()
            if listener.claim(key):
                worker = self.workers.get(slot) or self._hire(slot)
                worker.give(key, self.specs[key].to_json())
                return

    def _hire(self, slot: int) -> Handle:
        warm_up()  # the fork server may have died
        self.workers[slot] = Handle.hire(self.device, self.slots[slot] if self.slots else None, self.memory)
        return self.workers[slot]

    def _hear(self, listener: Listener) -> None:
        """Waits for news, and gathers the runs that ended, by themselves or with their process."""
        by_source = {source: slot for slot, w in self.workers.items() for source in (w.pipe, w.process.sentinel)}
        ready = wait(list(by_source), timeout=self._patience())
        with held_back():  # or what was read just before Ctrl-C would be lost
            for slot in {by_source[source] for source in ready}:  # type: ignore[index]
                worker = self.workers[slot]
                self._read(worker, listener)
                if worker.spent:
                    self._retire(slot)
                elif not worker.process.is_alive():
                    self._read(worker, listener)
                    self._bury(slot, *worker.cause_of_death())
            self._end_overdue()

    def _read(self, worker: Handle, listener: Listener) -> None:
        for kind, key, content in worker.news():
            if kind == "started":
                listener.started(key)
            elif kind == "progress":
                listener.progressed(key, content)
            else:
                if content.status == "ok":
                    self.waiting.took(content.spec, content.seconds)
                self.ended.append((key, _blamed(content)))

    def _patience(self) -> float | None:
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
            self._bury(slot, "timeout", f"it took longer than {self.timeout:g} s")

    def _bury(self, slot: int, status: str, reason: str) -> None:
        """Ends a worker, and the run that was heard to start in it; where none was, that which would have been next
        waits again, unless that has happened too often."""
        worker = self.workers[slot]
        if worker.assigned and not worker.running:
            key = worker.assigned[0]
            self.false_starts[key] += 1
            worker.running = key if self.false_starts[key] == _FALSE_STARTS else None
            status, reason = "error", f"its process ended {_FALSE_STARTS} times before it began: {reason}"
        if worker.running:
            key = worker.assigned.popleft()
            self.ended.append((key, Record(self.specs[key], status, reason, worker.said())))  # type: ignore[arg-type]
        self._retire(slot)

    def _retire(self, slot: int) -> None:
        """Ends a worker for good; what it had not begun yet waits again."""
        worker = self.workers.pop(slot)
        worker.end()
        self.waiting.add_first((key, self.specs[key]) for key in worker.assigned)

    def _dismiss(self) -> None:
        """Ends all workers; of runs that are interrupted by it, what they have found so far is kept."""
        for worker in self.workers.values():
            worker.signal(signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_END
        for worker in self.workers.values():
            worker.process.join(max(0.0, deadline - time.monotonic()))
            self.ended += [(key, record) for kind, key, record in worker.news() if kind == "ended"]
            worker.end()
        self.workers.clear()


def _blamed(record: Record) -> Record:
    """Nobody here asked a run to end: one that did was sent a signal, or pressed Ctrl-C itself."""
    if record.status == "interrupted":
        record.status, record.reason = "error", "it was ended by a signal that was not ours"
    return record
