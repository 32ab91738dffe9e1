"""The engine without processes: one run after another in the driver itself. For debugging, and for one big run."""

from __future__ import annotations

from collections import deque

import torch

from harness.engines import EndedRun, Listener
from harness.errors import StoppedError
from harness.record import Progress, Record
from harness.run import run
from harness.spec import RunSpec


class Inline:
    """Runs in the calling process; Ctrl-C ends the run at hand, whose record says so."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.waiting: deque[tuple[str, RunSpec]] = deque()
        self.stopped: set[str] = set()

    @property
    def capacity(self) -> int:
        return 1

    def submit(self, key: str, spec: RunSpec) -> None:
        self.waiting.append((key, spec))

    def collect(self, listener: Listener) -> list[EndedRun]:
        while self.waiting:
            key, spec = self.waiting.popleft()
            if listener.claim(key):
                return [EndedRun(key, self._run(key, spec, listener))]
        return []

    def stop(self, key: str) -> None:
        self.stopped.add(key)

    def cancel(self) -> None:
        self.waiting.clear()

    def _run(self, key: str, spec: RunSpec, listener: Listener) -> Record:
        listener.started(key)

        def on_progress(progress: Progress) -> None:
            listener.progressed(key, progress)
            if key in self.stopped:
                raise StoppedError

        return run(spec, self.device, on_progress)
