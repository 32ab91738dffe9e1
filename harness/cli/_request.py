"""From parsed flags to the sweep that they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from harness.discovery import registry
from harness.errors import UsageError
from harness.names import split_parts
from harness.spec import RunSpec, SweepSpec

_SEVERAL = ("task", "length")  # settings of RunSpec whose flags hold several values


def refuse_unknown_names(architectures: Iterable[str], tasks: Iterable[str]) -> None:
    """Raises for the first unknown name, before imports that take seconds."""
    for name in architectures:
        for part in split_parts(name):
            registry.find("architecture", part)
    for name in tasks:
        registry.find("task", name)


def sweep_of(arguments: argparse.Namespace) -> SweepSpec:
    """The sweep that the flags ask for."""
    names = [field.name for field in fields(RunSpec) if field.name in vars(arguments) and field.name not in _SEVERAL]
    settings = {name: _one_or_several(vars(arguments)[name]) for name in names if vars(arguments)[name] is not None}
    if arguments.test_length:
        settings["test_lengths"] = tuple(sorted({length for group in arguments.test_length for length in group}))
    lengths, length_range = _trained(arguments.length or [])
    return SweepSpec(
        architectures=tuple(dict.fromkeys(arguments.arch)),
        tasks=tuple(dict.fromkeys(arguments.task)),
        lengths=lengths,
        length_range=length_range,
        seeds=arguments.seeds,
        first_seed=arguments.first_seed,
        params=arguments.params,
        match=arguments.match,
        settings=settings,
        options=_joined(arguments.options),
    )


def _trained(typed: list[int | tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, int] | None]:
    """The lengths, each for runs of its own, or the range of lengths for all runs."""
    ranges = [one for one in typed if isinstance(one, tuple)]
    if not ranges:
        return tuple(sorted({one for one in typed if isinstance(one, int)})), None
    if len(typed) > 1:
        low, high = ranges[0]
        raise UsageError(f"--length {low}..{high} is one range for every run: leave out the other lengths.")
    return (), ranges[0]


def _one_or_several(value: Any) -> Any:
    """The value of a flag; of several values, each of which makes a variant, a tuple."""
    if not isinstance(value, list):
        return value
    values = tuple(dict.fromkeys(value))
    return values[0] if len(values) == 1 else values


def _joined(assignments: list[tuple[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Values by name; `--set a=0 --set a=1` is `--set a=0,1`."""
    joined: dict[str, tuple[str, ...]] = {}
    for name, values in assignments:
        joined[name] = tuple(dict.fromkeys((*joined.get(name, ()), *values)))
    return joined
