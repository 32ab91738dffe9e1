"""Python's search for garbage: put off while libraries are imported, as usual where models are trained."""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_PUT_OFF = 100_000  # objects made between two searches


def put_off() -> None:
    """Imports make a million objects, none of them garbage: looking through them takes a fifth of their time."""
    gc.set_threshold(_PUT_OFF)


def as_usual() -> None:
    """A ring of objects may hold the tensors of a training step: it is to be found soon."""
    gc.set_threshold(*_USUAL)
