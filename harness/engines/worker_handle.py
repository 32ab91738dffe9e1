"""A worker process as the driver sees it: hired, given runs, read, ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

_SECONDS_TO_BEGIN = 60.0  # what a new worker may take, beside the time-out, until its first run begins
_ROOM_TO_GROW = 2**30
"""Bytes by which a worker may outgrow what it held after its first run: caches and a fragmented heap stay far under
it, and a new worker costs a fifth of a second, whereas a leak would end in an innocent run's memory error."""


def _work(*arguments: Any) -> None:
    """Imported in the worker, where it has been: the driver needs no Lightning."""
    from harness.engines.worker import work

    work(*arguments)


@dataclass
class Handle:
    """One worker process, and what it is at."""

    process: BaseProcess
    pipe: Connection
    log: Path
    assigned: deque[str] = field(default_factory=deque)  # the first one runs, a second one waits in the pipe
    running: str | None = None  # the one that was heard to start
    since: float = 0.0  # when the first one began
    spent: bool = False  # it runs nothing more

    @classmethod
    def hire(cls, device: str, visible: str | None, memory: int | None) -> Handle:
        """Starts a worker; `visible` and `memory` as in `harness.engines.worker.work`."""
        ours, theirs = multiprocessing.Pipe()
        descriptor, log = tempfile.mkstemp(prefix="harness-worker-", suffix=".log")
        os.close(descriptor)
        room = min(_ROOM_TO_GROW, memory // 4) if memory else _ROOM_TO_GROW
        process = multiprocessing.get_context("forkserver").Process(
            target=_work, args=(theirs, device, visible, log, memory, room), daemon=True
        )
        process.start()
        theirs.close()
        return cls(process, ours, Path(log), since=time.monotonic() + _SECONDS_TO_BEGIN)

    def give(self, key: str, spec: str) -> None:
        """Hands over a run; a worker that has died does not get it, and its end is heard of next."""
        if not self.assigned:
            self.since = max(self.since, time.monotonic())
        self.assigned.append(key)
        with contextlib.suppress(ConnectionError):
            self.pipe.send((key, spec))

    def stop(self, key: str) -> None:
        """Asks for the end of a run that it was given."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send((key, None))

    def news(self) -> Iterator[tuple[str, str, Any]]:
        """Messages that have come, as ('started' | 'progress' | 'ended', key, what); none of a torn one."""
        with contextlib.suppress(EOFError, OSError, UnpicklingError):
            while self.pipe.poll():
                kind, key, *content = self.pipe.recv()
                if kind == "started":
                    self.running, self.since = key, time.monotonic()
                elif kind == "ended":
                    self.running, self.since = None, time.monotonic()  # the next one begins
                    self.assigned.popleft()
                    self.spent = content[1]
                yield kind, key, content[0] if content else None

    def signal(self, sign: signal.Signals) -> None:
        """Signals the worker and whatever it forked: they share its process group."""
        pid = self.process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, sign) if pid else None

    def end(self) -> None:
        """Ends it on the spot, and removes what it printed."""
        self.signal(signal.SIGKILL)
        self.process.join()
        self.pipe.close()
        self.log.unlink(missing_ok=True)

    def cause_of_death(self) -> tuple[str, str]:
        """Status and reason for the run in which the process ended."""
        self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return "error", f"its process ended with exit code {code} in the middle of the run"
        name = signal.Signals(-code).name
        if name == "SIGKILL":
            return "out_of_memory", "its process was killed (SIGKILL), as the system does when memory runs out"
        return "error", f"its process was killed by {name}"

    def said(self) -> str:
        """The last lines of what the run at hand printed."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace")[-4000:]
        return ""
