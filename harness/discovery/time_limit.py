"""A limit of time for a plugin's code in this process: what takes longer is told with its line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from harness.discovery.plugin_errors import error_location
from harness.errors import PluginError

SECONDS = 30.0


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """Raises PluginError where the block takes longer; `what` names it. In a thread there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TimeIsUp as error:
        where = f" ({at})" if (at := error_location(error)) else ""
        raise PluginError(f"{what} took longer than {seconds:g} s{where}: shorten it.") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _TimeIsUp(BaseException):
    """Past every `except Exception` on the way."""


def _ring(number: int, frame: FrameType | None) -> None:
    raise _TimeIsUp
