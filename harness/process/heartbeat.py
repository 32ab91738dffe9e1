"""Heartbeats: whether the driver that wrote something into a store still runs."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT_SECONDS = 60.0
"""Time between two heartbeats that a driver writes into the store."""

_DRIVING: set[str] = set()
_STALE_SECONDS = 15 * HEARTBEAT_SECONDS  # for a driver on another machine, whose processes cannot be listed


def driver_name() -> str:
    """A unique name for the work that this process begins: host, process and start time."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start_time(os.getpid())}/{uuid.uuid4().hex[:8]}"


@contextmanager
def driving(driver: str) -> Iterator[None]:
    """Marks a driver as running in this process while the context lasts; one process may run several in turn."""
    _DRIVING.add(driver)
    try:
        yield
    finally:
        _DRIVING.discard(driver)


def is_stale(driver: str, last_beat: float) -> bool:
    """Whether a driver of that name has ended; on another machine, whether its last heartbeat is too long ago."""
    try:
        host, pid, began, _ = driver.rsplit("/", 3)
        process = int(pid)
    except ValueError:
        return True  # the name was damaged: nobody sends heartbeats under it
    if host == socket.gethostname():
        return driver not in _DRIVING if process == os.getpid() else _start_time(process) != began
    return time.time() - last_beat >= _STALE_SECONDS


def _start_time(pid: int) -> str:
    """When a process started, in the system's clock ticks, since process ids are reused; '' if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return _responds(pid)


def _responds(pid: int) -> str:
    """Where the system has no /proc: '' if no process has that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "there"  # another user's
    return "there"
