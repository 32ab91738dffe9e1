"""Processes that end with their parent, whatever becomes of it."""

from __future__ import annotations

import contextlib
import ctypes
import signal

DRIVER = "HARNESS_DRIVER"
"""The environment variable that tells the fork server the driver's process id."""

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Has the system kill this process when its parent dies; on Linux only, elsewhere it ends at its next message."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
