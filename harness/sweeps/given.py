"""Values as Python code gives them to a sweep: one or several, checked, in the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from harness.errors import UsageError
from harness.sweeps.asked import parameter_count, sweep_name

_T = TypeVar("_T")


def several(value: Any) -> list[Any]:
    """The values of a list, or the one value as a list."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def values_of(value: Any) -> tuple[Any, ...]:
    """The values of an option: a tuple is several, a list is one value."""
    return value if isinstance(value, tuple) else (value,)


def as_text(value: Any) -> str:
    """A value of an option as it is typed."""
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name}: takes whole numbers of at least {least}, got {value!r}.")
    return value


def range_of(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    ends = [whole("length_range", one, 1) for one in several(value)]
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise UsageError(f"length_range: takes (shortest, longest), the shortest first, got {value!r}.")
    return ends[0], ends[1]


def one_of(name: str, value: _T, known: Sequence[_T]) -> _T:
    if value not in known:
        raise UsageError(f"{name}: takes {', '.join(map(repr, known))}, got {value!r}.")
    return value


def read(name: str, value: Any, convert: Any) -> Any:
    """The value as `convert` reads it, whose ValueError becomes a UsageError; None stays None."""
    if value is None:
        return None
    try:
        return convert(str(value) if convert in (parameter_count, sweep_name) else value)
    except ValueError as error:
        raise UsageError(f"{name}: {str(error).removeprefix(f'{name} ')}.") from None
