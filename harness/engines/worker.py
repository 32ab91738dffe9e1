"""What happens in a worker process: takes specs from a pipe, runs them, sends back progress and records."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys
from collections import deque
from multiprocessing import parent_process
from multiprocessing.connection import Connection

import torch

from harness.errors import StoppedError
from harness.process.parent_death import end_with_parent
from harness.record import FINAL, Progress, Record
from harness.run import run
from harness.spec import RunSpec
from harness.training import device as devices


def work(pipe: Connection, device: str, visible: str | None, log: str, memory: int | None, room: int) -> None:
    """Runs specs until the pipe closes, or a run leaves a process that is better not used again.

    Messages back: ("started", key), ("progress", key, it), ("ended", key, record, whether it was the last).
    `visible`: the accelerators this worker may see; `memory`: bytes of data it may hold (None: no limit); `room`:
    bytes that it may grow by after its first run.
    """
    _separate(log, memory)
    os.register_at_fork(after_in_child=pipe.close)  # what a plugin forks has nothing to tell the driver
    if visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        where = devices.pick(device)
        inbox = _Inbox(pipe)
        bound, last = 0, False
        while not last:
            key, spec = inbox.next_run()
            os.truncate(log, 0)  # what is read there of a run that dies is to be its own
            record = _one(pipe, inbox, key, spec, where)
            bound = bound or _resident() + room
            last = (
                record.status not in (*FINAL, "pruned") or _resident() > bound
            )  # a failure may leave threads, or a broken GPU
            pipe.send(("ended", key, record, last))


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
        self.stopped.add(key) if spec is None else self.waiting.append((key, spec))


def _one(pipe: Connection, inbox: _Inbox, key: str, spec: str, device: torch.device) -> Record:
    def on_progress(progress: Progress) -> None:
        pipe.send(("progress", key, progress))
        if inbox.wants_stopped(key):
            raise StoppedError

    pipe.send(("started", key))
    record = run(RunSpec.from_json(spec), device, on_progress)
    gc.collect()  # a Trainer and its model are a ring
    return record


def _resident() -> int:
    """Bytes of memory this process holds; 0 where the system does not tell, as all but Linux."""
    with contextlib.suppress(OSError), open("/proc/self/statm") as sizes:
        return int(sizes.read().split()[1]) * resource.getpagesize()
    return 0


def _separate(log: str, memory: int | None) -> None:
    """Keeps this process from disturbing others: own process group, own output, first to go when memory runs out."""
    end_with_parent()
    driver = parent_process()
    if driver and not driver.is_alive():
        os._exit(1)  # and with it the fork server, our parent, before this process could ask to be ended with that
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver hears Ctrl-C and tells us
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    sys.stdout, sys.stderr = (  # by lines: a crash takes none of them with it
        os.fdopen(stream, "w", 1, errors="backslashreplace", closefd=False) for stream in (1, 2)
    )
    gc.freeze()  # the libraries are never garbage: looking for it then takes a moment, not a fifth of a second
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
