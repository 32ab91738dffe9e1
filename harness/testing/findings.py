"""What the checks of a contract find, whoever runs them: pytest, `harness check`, or a call."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from harness.discovery.plugin_errors import describe_error
from harness.errors import HarnessError

NOT_ALL_SKIPPED = "test_not_everything_is_skipped"


@dataclass(frozen=True)
class Finding:
    """What one check found; `detail` says what was seen, or why the check does not apply."""

    promise: str
    status: Literal["kept", "broken", "skipped"]
    detail: str = ""


@dataclass(frozen=True)
class Promise:
    """One promise of a contract: what it is called, what it says, and what to do where it is broken."""

    name: str
    says: str
    way_out: str


def checks(contract: type) -> list[str]:
    """The names of the test methods of a contract, in the order they are written in, a base's first."""
    names = dict.fromkeys(name for cls in reversed(contract.__mro__) for name in vars(cls) if name.startswith("test_"))
    return [
        *(name for name in names if name != NOT_ALL_SKIPPED),
        *([NOT_ALL_SKIPPED] if NOT_ALL_SKIPPED in names else []),
    ]


def promise_of(contract: type, check: str) -> Promise:
    """A check's promise: the first paragraph of its docstring says it, the second what to do."""
    says, _, way_out = (inspect.getdoc(getattr(contract, check)) or "").partition("\n\n")
    return Promise(spoken(check), " ".join(says.split()), " ".join(way_out.split()))


def spoken(check: str) -> str:
    """'test_pickling_keeps_it' -> 'pickling keeps it'."""
    return check.removeprefix("test_").replace("_", " ")


def examine(contract: Any, check: str, subject: Any) -> Finding:
    """Runs one check on an architecture's `make` or on a task; an error of the plugin's own is a broken promise."""
    import pytest  # takes a fifth of a second, and `harness --help` reads this file

    promise = spoken(check)
    try:
        getattr(contract, check)(subject)
    except pytest.skip.Exception as reason:
        return Finding(promise, "skipped", str(reason))
    except (AssertionError, HarnessError) as error:
        return Finding(promise, "broken", str(error))
    except (Exception, SystemExit) as error:
        return Finding(promise, "broken", describe_error(error))
    return Finding(promise, "kept")


def findings(contract: Any, subject: Any) -> Iterator[Finding]:
    """Every check of a contract in turn and what it found; a plugin that only skips has a broken promise."""
    for check in checks(type(contract)):
        yield examine(contract, check, subject)


def require_something_checked(contract: Any, subject: Any) -> None:
    """Raises AssertionError where every other check skips."""
    others = (check for check in checks(type(contract)) if check != NOT_ALL_SKIPPED)
    checked = any(examine(contract, check, subject).status != "skipped" for check in others)
    if not checked:
        raise AssertionError("every check was skipped: nothing is known about this plugin")
