"""The engine without processes: one run after another in the driver itself. For debugging, and for one big run."""

from __future__ import annotations

import torch

from harness.engines import EndedRun, Listener
from harness.engines.run_queue import RunQueue, WaitingRun
from harness.errors import StoppedError
from harness.record import Progress, Record
from harness.run import run
from harness.spec import RunSpec


class Inline:
    """Runs in the calling process; Ctrl-C ends the run at hand, whose record says so."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.waiting = RunQueue()
        self.stopped: set[str] = set()

    @property
    def capacity(self) -> int:
        return 1

    def submit(self, key: str, spec: RunSpec) -> None:
        self.waiting.add(WaitingRun(key, spec))

    def collect(self, listener: Listener) -> list[EndedRun]:
        while (waiting := self.waiting.take()) is not None:
            if listener.claim(waiting.key):
                record = self._run(waiting.key, waiting.spec, listener)
                self.waiting.record_duration(waiting.spec, record.seconds)
                return [EndedRun(waiting.key, record)]
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
