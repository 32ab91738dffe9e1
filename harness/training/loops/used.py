"""Which kernels have computed in this process: noted where they are called, kept in the record of a run.

Whoever calls a kernel of its own says so, in a few words: the built-in loops do, and so can a third party's.
"""

from __future__ import annotations

STEP_BY_STEP = "torch, step by step"

_USED: dict[str, None] = {}  # in the order of their first use


def note(kernel: str) -> None:
    """Notes that a kernel computes; once or at each call."""
    _USED[kernel] = None


def forget() -> None:
    """A new run begins."""
    _USED.clear()


def used() -> list[str]:
    """Those noted since the run began."""
    return list(_USED)
