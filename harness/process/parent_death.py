"""Processes that end with their parent, however the parent ends."""

from __future__ import annotations

import contextlib
import ctypes
import signal

DRIVER_PID = "HARNESS_DRIVER"
"""The environment variable that gives a fork server, or the bench suite, the process id of its driver."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # of prctl(2)


def end_with_parent() -> None:
    """Has the system kill this process when its parent dies; on Linux only, elsewhere it ends at its next message."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent ends, so that they can be found and ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value)
