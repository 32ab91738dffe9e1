"""Python's garbage collector: deferred while libraries are imported, at its defaults while models are trained."""

from __future__ import annotations

import gc

_DEFAULT_THRESHOLDS = gc.get_threshold()
_DEFERRED_THRESHOLD = 100_000  # new objects between two collections


def defer_collection() -> None:
    """Collects rarely: imports create a million objects, none of them garbage, and searching them doubles the time."""
    gc.set_threshold(_DEFERRED_THRESHOLD)


def restore_collection() -> None:
    """Collects as usual: a reference cycle may hold the tensors of a training step."""
    gc.set_threshold(*_DEFAULT_THRESHOLDS)
