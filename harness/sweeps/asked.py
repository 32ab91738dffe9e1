"""From what a person asks for, on the command line or in Python, to a sweep. Imports nothing that takes a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from harness.discovery import registry
from harness.names import split_parts
from harness.spec import Match, SweepSpec

EngineName = Literal["local", "inline", "ray"]
Device = Literal["auto", "cpu", "cuda", "mps"]
_LONGEST_NAME = 100  # characters of a sweep's name


def refuse_unknown_names(architectures: Iterable[str], tasks: Iterable[str]) -> None:
    """Raises for the first unknown name, before imports that take seconds."""
    for name in architectures:
        for part in split_parts(name):
            registry.find("architecture", part)
    for name in tasks:
        registry.find("task", name)


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
    factor = {"k": 10**3, "m": 10**6}.get(text[-1:].lower(), 1)
    try:
        number = float(text if factor == 1 else text[:-1]) * factor
    except ValueError:
        number = 0
    if not 1 <= number < 10**12:
        raise ValueError(f"takes a number such as 50k or 1.5M, got {text!r}")
    return round(number)


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
