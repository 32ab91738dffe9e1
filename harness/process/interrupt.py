"""What Ctrl-C does, and SIGTERM, a scheduler's way of pressing it: ends the process or the work, or waits a moment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130


@contextmanager
def at_once() -> Iterator[None]:
    """Ends the process on the spot: for imports, which several libraries leave broken, or swallow the exception."""
    with _handled(_leave):
        yield


def as_exception() -> None:
    """From now on, and until the context that this is called in is left, raises KeyboardInterrupt."""
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def held_back() -> Iterator[list[int]]:
    """Raises KeyboardInterrupt, but only at the end of the block; a second press is not held back.

    Yields what was pressed so far: whoever waits within the block should look.
    """
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    with _handled(note):
        yield pressed
    if pressed:
        raise KeyboardInterrupt


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Another handler for a while, where there is one at all: not in a thread, and not for a signal that is ignored."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _SIGNALS}
    before = {number: old for number, old in before.items() if old not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"\nharness: interrupted\n")
    os._exit(EXIT_CODE)
