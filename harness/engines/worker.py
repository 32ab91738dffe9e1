"""What happens in a worker process: takes specs from a pipe, runs them, sends back progress and records."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections import deque
from multiprocessing.connection import Connection

import torch

from harness.errors import StoppedError
from harness.process.guarded import clear_log, has_children, read_log
from harness.record import FINAL, Progress, Record
from harness.run import run
from harness.spec import RunSpec
from harness.training import device as devices


def work(pipe: Connection, device: str, visible: str | None, growth_limit: int, foreign: bool) -> None:
    """Runs specs until the pipe closes, or a run leaves a process that should not be used again.

    Messages back: ("started", key), ("progress", key, it), ("ended", key, record, whether it was the last).
    `visible`: the accelerators this worker may see; `growth_limit`: bytes that it may grow by after its first run;
    `foreign`: it loads code that is not built in, which may leave threads and children.
    """
    os.register_at_fork(after_in_child=pipe.close)  # what a plugin forks has nothing to tell the driver
    gc.freeze()  # the libraries are never garbage: looking for it then takes a moment, not a fifth of a second
    if visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        where = devices.pick(device)
        inbox = _Inbox(pipe)
        threads = threading.active_count()
        limit, last = 0, False
        while not last:
            key, spec = inbox.next_run()
            clear_log()
            record = _one(pipe, inbox, key, spec, where)
            record.output = read_log()
            limit = limit or _resident() + growth_limit
            failed = record.status not in (*FINAL, "pruned")  # a failure may leave threads, or a broken GPU
            left_running = foreign and (threading.active_count() > threads or has_children())
            last = failed or left_running or _resident() > limit
            pipe.send(("ended", key, record, last))
    _end()


class _Inbox:
    """What the driver sends: runs, and the keys of runs that are to stop (without a spec)."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.waiting: deque[tuple[str, str]] = deque()
        self.stopped: set[str] = set()

    def next_run(self) -> tuple[str, str]:
        while not self.waiting:
            self._take()
        return self.waiting.popleft()

    def wants_stopped(self, key: str) -> bool:
        while self.pipe.poll():
            self._take()
        return key in self.stopped

    def _take(self) -> None:
        key, spec = self.pipe.recv()
        if spec is None:
            self.stopped.add(key)
        else:
            self.waiting.append((key, spec))


def _one(pipe: Connection, inbox: _Inbox, key: str, spec: str, device: torch.device) -> Record:
    def on_progress(progress: Progress) -> None:
        pipe.send(("progress", key, progress))
        if inbox.wants_stopped(key):
            raise StoppedError

    pipe.send(("started", key))
    record = run(RunSpec.from_json(spec), device, on_progress)
    gc.collect()  # a Trainer and its model form a reference cycle, so only the collector frees them
    return record


def _resident() -> int:
    """Bytes of memory this process holds; 0 where the system does not tell, as all but Linux."""
    import resource

    with contextlib.suppress(OSError), open("/proc/self/statm") as sizes:
        return int(sizes.read().split()[1]) * resource.getpagesize()
    return 0


def _end() -> None:
    """Ends this process without waiting for threads or children of a plugin: the driver ends those."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
