"""What happens in a worker process: takes specs from a pipe, runs them, sends back progress and records."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection

import torch

from harness import device as devices
from harness.engines.parent import end_with_parent
from harness.run import run
from harness.spec import RunSpec


def work(pipe: Connection, device: str, visible: str | None, log: str, memory: int | None) -> None:
    """Runs specs until the pipe closes or one is interrupted.

    Messages back: ("started", key), ("progress", key, it), ("ended", key, record).
    `visible`: the accelerators this worker may see; `memory`: bytes of data it may hold (None: no limit).
    """
    _separate(log, memory)
    if visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        where = devices.pick(device)
        going_on = True
        while going_on:
            key, spec = pipe.recv()
            going_on = _one(pipe, key, RunSpec.from_json(spec), where)


def _one(pipe: Connection, key: str, spec: RunSpec, device: torch.device) -> bool:
    """Whether to go on: after an interrupted run there is nothing left to do."""
    pipe.send(("started", key))
    record = run(spec, device, lambda progress: pipe.send(("progress", key, progress)))
    sys.stdout.flush()
    pipe.send(("ended", key, record))
    return record.status != "interrupted"


def _separate(log: str, memory: int | None) -> None:
    """Keeps this process from disturbing others: own process group, own output, first to go when memory runs out."""
    end_with_parent()
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver hears Ctrl-C and tells us
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
