"""A worker process as the driver sees it: started, given runs, read, ended."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.process.guarded import GuardedProcess

_SECONDS_TO_START = 60.0  # that a new worker may take, beside the time-out, until its first run begins
_GROWTH_LIMIT = 2**30
"""Bytes by which a worker may outgrow what it held after its first run: caches and a fragmented heap stay far under
it, and a new worker costs a fifth of a second, whereas a leak would end in the memory error of another run."""


@dataclass
class WorkerHandle:
    """One worker process, and the runs that it was given."""

    process: GuardedProcess
    code: str  # which code it may load: see `harness.engines.isolation.foreign_code`
    assigned: deque[str] = field(default_factory=deque)  # the first one runs, a second one waits in the pipe
    running: str | None = None  # the run that was reported as started
    since: float = 0.0  # when the first assigned run began
    retired: bool = False  # it runs nothing more

    @classmethod
    def start(cls, device: str, visible: str | None, memory: int | None, code: str = "") -> WorkerHandle:
        """Starts a worker; the arguments are those of `harness.engines.worker.work`."""
        growth_limit = min(_GROWTH_LIMIT, memory // 4) if memory else _GROWTH_LIMIT
        target = "harness.engines.worker:work"
        process = GuardedProcess.start(target, device, visible, growth_limit, bool(code), memory=memory)
        return cls(process, code, since=time.monotonic() + _SECONDS_TO_START)

    def assign(self, key: str, spec: str) -> None:
        """Hands over a run; if the worker has died, its end is noticed next."""
        if not self.assigned:
            self.since = max(self.since, time.monotonic())
        self.assigned.append(key)
        with contextlib.suppress(ConnectionError):
            self.process.pipe.send((key, spec))

    def stop(self, key: str) -> None:
        """Asks for the end of a run that it was given."""
        with contextlib.suppress(ConnectionError):
            self.process.pipe.send((key, None))

    def messages(self) -> Iterator[tuple[str, str, Any]]:
        """Messages that have come, as ('started' | 'progress' | 'ended', key, content)."""
        for kind, key, *content in self.process.messages():
            if kind == "started":
                self.running, self.since = key, time.monotonic()
            elif kind == "ended":
                self.running, self.since = None, time.monotonic()  # the next one begins
                self.assigned.popleft()
                self.retired = content[1]
            yield kind, key, content[0] if content else None
