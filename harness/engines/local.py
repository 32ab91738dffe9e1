"""The engine of one machine: worker processes forked from a server that has torch and Lightning imported already.

A run that dies takes nothing else with it: the driver sees the process end, records what happened and starts another
worker. A worker computes with one thread, so there is one for each core, or for each slot of an accelerator.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from harness.engines import Listener
from harness.record import Record
from harness.spec import RunSpec

_PRELOADED = ["harness.engines.worker"]
_ENDING_WITH_THE_DRIVER = ["harness.engines.server"]
_SAFE_PATH = "PYTHONSAFEPATH"
_SECONDS_TO_END = 3.0
_SECONDS_TO_BEGIN = 60.0  # what a worker may take, beside the time-out, until its first run begins


def warm_up() -> None:
    """Starts the fork server, which imports torch and Lightning while the driver does other things."""
    bound = threading.current_thread() is threading.main_thread()  # another thread may end before the driver does
    preloaded = [*(_ENDING_WITH_THE_DRIVER if bound else []), *_PRELOADED]
    multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when a process first starts threads: ours and the workers'
    resource_tracker.ensure_running()  # the fork server would start it, and it would unblock the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: the driver alone hears Ctrl-C
    safe = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"  # or a `random.py` in the working folder would shadow the library's
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop(_SAFE_PATH) if safe is None else os.environ.update({_SAFE_PATH: safe})
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    log: Path
    slot: int
    assigned: deque[str] = field(default_factory=deque)  # the first one runs, a second one waits in the pipe
    since: float = 0.0  # when the first one began


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
        self.waiting: deque[str] = deque()
        self.specs: dict[str, RunSpec] = {}
        self.workers: dict[int, _Worker] = {}  # by slot

    def submit(self, key: str, spec: RunSpec) -> None:
        self.specs[key] = spec
        self.waiting.append(key)

    def collect(self, listener: Listener) -> list[tuple[str, Record]]:
        while self.waiting or any(worker.assigned for worker in self.workers.values()):
            self._assign()
            ended = self._hear(listener)
            self._assign()  # before the driver writes: a worker should not wait for that
            if ended:
                return ended
        self._end_workers(signal.SIGTERM)
        return []

    def cancel(self) -> None:
        self.waiting.clear()
        self._end_workers(signal.SIGTERM)

    def _assign(self) -> None:
        """One run for each worker and, while many wait, a second one, so that no worker is ever idle."""
        for depth in (1, 2):
            for slot in range(self.jobs):
                enough = len(self.waiting) > (0 if depth == 1 else self.jobs)
                if enough and (slot not in self.workers or len(self.workers[slot].assigned) < depth):
                    self._give(self.workers.get(slot) or self._hire(slot))

    def _give(self, worker: _Worker) -> None:
        key = self.waiting.popleft()
        worker.assigned.append(key)
        with contextlib.suppress(BrokenPipeError):  # it died: its end is heard of next
            worker.pipe.send((key, self.specs[key].to_json()))

    def _hire(self, slot: int) -> _Worker:
        from harness.engines.worker import work

        ours, theirs = multiprocessing.Pipe()
        descriptor, log = tempfile.mkstemp(prefix="harness-worker-", suffix=".log")
        os.close(descriptor)
        visible = self.slots[slot] if self.slots else None
        process = multiprocessing.get_context("forkserver").Process(
            target=work, args=(theirs, self.device, visible, log, self.memory), daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(process, ours, Path(log), slot, since=time.monotonic() + _SECONDS_TO_BEGIN)
        self.workers[slot] = worker
        return worker

    def _hear(self, listener: Listener) -> list[tuple[str, Record]]:
        """Waits for news; returns the runs that ended, by themselves or with their process."""
        by_source = {source: w for w in self.workers.values() for source in (w.pipe, w.process.sentinel)}
        ready = wait(list(by_source), timeout=self._patience())
        ended = []
        for worker in {id(by_source[source]): by_source[source] for source in ready}.values():  # type: ignore[index]
            ended += self._read(worker, listener)
            if not worker.process.is_alive():
                ended += self._read(worker, listener)
                ended += self._bury(worker, *_cause_of_death(worker))
        return ended + self._overdue()

    def _read(self, worker: _Worker, listener: Listener) -> list[tuple[str, Record]]:
        ended = []
        with contextlib.suppress(EOFError, ConnectionResetError):
            while worker.pipe.poll():
                kind, key, *content = worker.pipe.recv()
                if kind == "started":
                    worker.since = time.monotonic()
                    listener.started(key)
                elif kind == "progress":
                    listener.progressed(key, content[0])
                else:
                    worker.since = time.monotonic()  # the next one begins
                    worker.assigned.popleft()
                    ended.append((key, _blamed(content[0])))
        return ended

    def _patience(self) -> float | None:
        """Seconds until the first running run is overdue."""
        if self.timeout is None:
            return None
        running = [worker.since for worker in self.workers.values() if worker.assigned]
        return max(0.0, min(running, default=time.monotonic()) + self.timeout - time.monotonic())

    def _overdue(self) -> list[tuple[str, Record]]:
        if self.timeout is None:
            return []
        late = [w for w in self.workers.values() if w.assigned and time.monotonic() - w.since >= self.timeout]
        return [pair for w in late for pair in self._bury(w, "timeout", f"it took longer than {self.timeout:g} s")]

    def _bury(self, worker: _Worker, status: str, reason: str) -> list[tuple[str, Record]]:
        """Ends a worker for good; what it had not begun yet waits again."""
        _kill(worker, signal.SIGKILL)
        worker.process.join()
        self.workers.pop(worker.slot, None)
        worker.pipe.close()
        dead = list(worker.assigned)[:1]
        self.waiting.extendleft(reversed(list(worker.assigned)[1:]))
        said = _tail(worker.log)
        worker.log.unlink(missing_ok=True)
        return [(key, Record(self.specs[key], status, reason, traceback=said)) for key in dead]  # type: ignore[arg-type]

    def _end_workers(self, sign: signal.Signals) -> None:
        for worker in self.workers.values():
            _kill(worker, sign)
            worker.pipe.close()
        deadline = time.monotonic() + _SECONDS_TO_END
        for worker in self.workers.values():
            worker.process.join(max(0.0, deadline - time.monotonic()))
            _kill(worker, signal.SIGKILL)
            worker.log.unlink(missing_ok=True)
        self.workers.clear()


def _kill(worker: _Worker, sign: signal.Signals) -> None:
    """Signals a worker and whatever it forked: they share its process group."""
    pid = worker.process.pid
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sign) if pid else None


def _blamed(record: Record) -> Record:
    """Nobody here asked a run to end: one that did was sent a signal, or pressed Ctrl-C itself."""
    if record.status == "interrupted":
        record.status, record.reason = "error", "it was ended by a signal that was not ours"
    return record


def _cause_of_death(worker: _Worker) -> tuple[str, str]:
    worker.process.join()
    code = worker.process.exitcode or 0
    if code >= 0:
        return "error", f"its process ended with exit code {code} in the middle of the run"
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return "out_of_memory", "its process was killed (SIGKILL), as the system does when memory runs out"
    return "error", f"its process was killed by {name}"


def _tail(log: Path) -> str:
    """The last lines of what the worker printed."""
    with contextlib.suppress(OSError):
        return log.read_text(errors="replace")[-4000:]
    return ""
