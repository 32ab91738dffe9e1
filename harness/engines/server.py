"""The first thing that the fork server imports: it ends with the driver, in the middle of its imports too."""

from __future__ import annotations

import contextlib
import ctypes
import signal

_PR_SET_PDEATHSIG = 1

with contextlib.suppress(OSError, AttributeError):  # other systems than Linux: it ends when its imports are done
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
