"""Python's garbage collector: deferred while libraries are imported, at its defaults while models are trained."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_DEFAULT_THRESHOLDS = gc.get_threshold()
_DEFERRED_THRESHOLD = 100_000  # new objects between two collections


def defer_collection() -> None:
    """Collects rarely: imports create a million objects, none of them garbage, and searching them doubles the time."""
    gc.set_threshold(_DEFERRED_THRESHOLD)


def restore_collection() -> None:
    """Collects as usual: a reference cycle may hold the tensors of a training step."""
    gc.set_threshold(*_DEFAULT_THRESHOLDS)


@contextmanager
def no_collection() -> Iterator[None]:
    """Collects nothing while the context lasts, or the function it decorates runs: for reading many records at once.

    They are a hundred thousand objects, none of them garbage, and searching these takes a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
