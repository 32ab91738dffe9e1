"""Whether the driver that wrote something into a store is still at work."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS_BETWEEN_BEATS = 60.0
_AT_WORK: set[str] = set()
_SECONDS_OF_SILENCE = 15 * SECONDS_BETWEEN_BEATS  # of a driver on another machine, whose processes cannot be asked for


def driver_name() -> str:
    """A name for the work that this process now begins: where it is done, and by which process."""
    return f"{socket.gethostname()}/{os.getpid()}/{_began(os.getpid())}/{uuid.uuid4().hex[:8]}"


@contextmanager
def at_work(driver: str) -> Iterator[None]:
    """This process does the work of a driver while the context lasts; it may do that of several, one after another."""
    _AT_WORK.add(driver)
    try:
        yield
    finally:
        _AT_WORK.discard(driver)


def is_alive(driver: str, last_beat: float) -> bool:
    """Whether a driver of that name lives; on another machine, whether it was heard of not long ago."""
    host, pid, began, _ = driver.rsplit("/", 3)
    if host == socket.gethostname():
        return driver in _AT_WORK if int(pid) == os.getpid() else _began(int(pid)) == began
    return time.time() - last_beat < _SECONDS_OF_SILENCE


def _began(pid: int) -> str:
    """When a process began, in the system's own clock: numbers of processes are used again. '' if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return _answers(pid)


def _answers(pid: int) -> str:
    """Where the system lists no processes: whether there is one of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "there"  # somebody else's
    return "there"
