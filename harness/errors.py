"""Errors meant for the person at the keyboard: each says the rule, the values and the way out.

HarnessError             something a person can put right; shown in one line, without a traceback
    UsageError           the request is wrong: an unknown name, a value out of range (exit code 2)
    PluginError          a plugin cannot be found, imported or told apart from another (exit code 2)
    StoreError           a store that could be opened failed later (exit code 1)
    NoRecordsError       nothing is recorded yet (exit code 1)
    RefusedError         an architecture and a task do not fit: the run gets the status "refused"
    DivergedError        a loss became NaN or infinite: the run gets the status "diverged"
    StoppedError         a search has seen enough of a run: it gets the status "pruned"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from harness.names import printable


class HarnessError(Exception):
    """Something a person can put right; shown without a traceback."""


class UsageError(HarnessError):
    """The request itself is wrong: an unknown name, a value out of range. Exit code 2."""


class PluginError(HarnessError):
    """A plugin cannot be found, imported or told apart from another."""


class StoreError(HarnessError):
    """A store that could be opened failed later; what it already holds is kept. Exit code 1."""


class NoRecordsError(HarnessError):
    """Nothing is recorded yet. Exit code 1."""


class RefusedError(HarnessError):
    """An architecture and a task do not fit: the run is refused, and this reason is recorded."""


class DivergedError(HarnessError):
    """A loss became NaN or infinite: the run ends."""


class StoppedError(HarnessError):
    """Raised by a run's watcher that has seen enough: the run ends as pruned."""


def one_line(error: BaseException) -> str:
    """The type and the message of somebody else's error, without its line breaks."""
    return " ".join(f"{type(error).__name__}: {message_of(error)}".split())


def message_of(error: BaseException) -> str:
    """The message of somebody else's error, whose own code may fail to tell it; control characters as escapes."""
    try:
        return "\n".join(map(printable, str(error).splitlines()))
    except Exception:
        return "(its message cannot be shown)"


def did_you_mean(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for an unknown name, with the nearest known ones."""
    names = sorted(known)
    lowered = {one.lower(): one for one in names}
    near = [lowered[one] for one in difflib.get_close_matches(name.lower(), lowered, n=2, cutoff=0.6)]
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return f"No {kind} {name!r}.{hint} Known: {', '.join(names) or 'none'}."
