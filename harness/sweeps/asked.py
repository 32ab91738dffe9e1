"""From what a person asks for, on the command line or in Python, to a sweep. Imports nothing that takes a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

from harness.discovery import registry
from harness.errors import UsageError, did_you_mean
from harness.names import split_parts
from harness.spec import Match, RunSpec, SweepSpec

EngineName = Literal["local", "inline", "ray"]
Device = Literal["auto", "cpu", "cuda", "mps"]
_MAKE = "make"  # the argument of wrappers that makes what they wrap
_GIVEN = {"self", "input_size", "hidden_size", "output_size", "max_length", _MAKE}  # arguments that are no options
_LONGEST_NAME = 100  # characters of a sweep's name


def refuse_unknown_names(architectures: Iterable[str], tasks: Iterable[str], options: Iterable[str] = ()) -> None:
    """Raises for the first unknown plugin or option, before imports that take seconds.

    An option is refused here only where the sources of all plugins tell which they have.
    """
    wholes = [[registry.find("architecture", part) for part in split_parts(name)] for name in architectures]
    found = [plugin for parts in wholes for plugin in parts] + [registry.find("task", name) for name in tasks]
    told = {plugin.name: plugin.arguments() for plugin in found} if options else {}
    wrapped = any(_MAKE in (told.get(parts[-1].name) or ()) for parts in wholes)  # by default: nothing tells what
    if wrapped or any(arguments is None for arguments in told.values()):
        return
    known = {(name, one) for name, arguments in told.items() for one in (arguments or set()) - _GIVEN}
    settings = {*(field.name for field in fields(RunSpec)), "batch"}
    for option in options:
        owner, _, short = option.rpartition(".")
        if short not in settings and short not in {one for _, one in known}:
            names = {f"{name}.{one}" if owner else one for name, one in known}
            raise UsageError(did_you_mean("option", option, {*names, "hidden_size"}))


def sweep_of(
    architectures: Iterable[str],
    tasks: Iterable[str],
    lengths: Iterable[int] = (),
    length_range: tuple[int, int] | None = None,
    test_lengths: Iterable[int] = (),
    *,
    seeds: int = 1,
    first_seed: int = 0,
    params: int | None = None,
    match: Match = "params",
    settings: Mapping[str, Any] | None = None,
    options: Iterable[tuple[str, tuple[str, ...]]] = (),
) -> SweepSpec:
    """The sweep that is asked for: each name and value once, lengths in order.

    `settings`: of RunSpec; a list of values makes variants, and what is None is left at its default. `options`: names
    and values as typed with --set; the same name given twice has the values of both.
    """
    known = {name: _one_or_several(value) for name, value in (settings or {}).items() if value is not None}
    if tested := tuple(sorted(set(test_lengths))):
        known["test_lengths"] = tested
    return SweepSpec(
        architectures=tuple(dict.fromkeys(architectures)),
        tasks=tuple(dict.fromkeys(tasks)),
        lengths=tuple(sorted(set(lengths))),
        length_range=length_range,
        seeds=seeds,
        first_seed=first_seed,
        params=params,
        match=match,
        settings=known,
        options=_joined(options),
    )


def parameter_count(text: str) -> int:
    """A number of parameters, such as 50k, 1.5M or 50000; ValueError for anything else."""
    amount = number(text)
    if not 1 <= amount < 10**12:
        raise ValueError(f"takes a number such as 50k or 1.5M, got {text!r}")
    return round(amount)


def number(text: str) -> float:
    """The number that a text such as 1_000, 1e3 or 1k stands for; NaN for any other text."""
    factor = {"k": 10**3, "m": 10**6}.get(text[-1:].lower(), 1)
    digits = text if factor == 1 else text[:-1]
    try:
        return round(float(digits.replace("_", "")) * factor, 6)
    except (ValueError, OverflowError):
        return float("nan")


def sweep_name(text: str) -> str:
    """A name for a sweep, in one line; ValueError for anything else."""
    name = text.strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise ValueError(f"takes 1 to {_LONGEST_NAME} printable characters, got {text!r:.100}")
    return name


def _one_or_several(value: Any) -> Any:
    """The value of a setting; of several values, each of which makes a variant, a tuple."""
    if not isinstance(value, list):
        return value
    values = tuple(dict.fromkeys(value))
    return values[0] if len(values) == 1 else values


def _joined(assignments: Iterable[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """Values by name; `--set a=0 --set a=1` is `--set a=0,1`."""
    joined: dict[str, tuple[str, ...]] = {}
    for name, values in assignments:
        joined[name] = tuple(dict.fromkeys((*joined.get(name, ()), *values)))
    return joined
