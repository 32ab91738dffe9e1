"""What Ctrl-C and SIGTERM (as a scheduler sends) do: end the process, raise an exception, or wait a moment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODE = 130
_deferred: list[int] = []  # signals that came within `defer_interrupts`


@contextmanager
def exit_at_once() -> Iterator[None]:
    """Ends the process on the spot: several libraries swallow an exception during their import, or are left broken."""
    with _handled(_leave):
        yield


def raise_as_exception() -> None:
    """Raises KeyboardInterrupt from now on, until the enclosing context of this module is left."""
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Raises KeyboardInterrupt, but only at the end of the block; a second signal raises it at once.

    Code that waits within the block asks `is_deferred` whether it should give up.
    """
    _deferred.clear()

    def note(number: int, frame: FrameType | None) -> None:
        _deferred.append(number)
        if len(_deferred) > 1:
            raise KeyboardInterrupt

    try:
        with _handled(note):
            yield
        if _deferred:
            raise KeyboardInterrupt
    finally:
        _deferred.clear()


def is_deferred() -> bool:
    """Whether a signal came within `defer_interrupts`, and its KeyboardInterrupt is still to be raised."""
    return bool(_deferred)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Installs a handler for a while; not in a thread, which cannot, and not for a signal that is ignored."""
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
