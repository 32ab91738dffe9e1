"""Errors meant for the person at the keyboard: each says the rule, the values and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarnessError(Exception):
    """Something a person can put right; shown without a traceback."""


class UsageError(HarnessError):
    """The request itself is wrong: an unknown name, a value out of range. Exit code 2."""


class PluginError(HarnessError):
    """A plugin cannot be found, imported or told apart from another."""


class StoreFailed(HarnessError):  # noqa: N818
    """A store that could be opened failed later on; what it holds already is kept. Exit code 1."""


class NoRecords(HarnessError):  # noqa: N818
    """Nothing is recorded yet. Exit code 1."""


class Stopped(Exception):  # noqa: N818
    """Whoever watches a run has seen enough of it."""


class Refused(HarnessError):  # noqa: N818
    """An architecture and a task that do not fit: the run is skipped, with this reason on record."""


def one_line(error: BaseException) -> str:
    """The type and the message of somebody else's error, without its line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for an unknown name, with the nearest known ones."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return f"No {kind} {name!r}.{hint} Known: {', '.join(names) or 'none'}."
