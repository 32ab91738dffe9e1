"""From parsed flags to the sweep that they ask for."""

from __future__ import annotations

import argparse
from dataclasses import fields

from harness.errors import UsageError
from harness.spec import RunSpec, SweepSpec
from harness.sweeps import asked
from harness.sweeps.asked import refuse_unknown_names as refuse_unknown_names

_SEVERAL = ("task", "length")  # settings of RunSpec whose flags hold several values


def sweep_of(arguments: argparse.Namespace) -> SweepSpec:
    """The sweep that the flags ask for."""
    given = vars(arguments)
    lengths, length_range = _trained(arguments.length or [])
    return asked.sweep_of(
        arguments.arch,
        arguments.task,
        lengths,
        length_range,
        [length for group in arguments.test_length or () for length in group],
        seeds=arguments.seeds,
        first_seed=arguments.first_seed,
        params=arguments.params,
        match=arguments.match,
        settings={f.name: given[f.name] for f in fields(RunSpec) if f.name in given and f.name not in _SEVERAL},
        options=arguments.options,
    )


def _trained(typed: list[int | tuple[int, int]]) -> tuple[list[int], tuple[int, int] | None]:
    """The lengths, each for runs of its own, or the range of lengths for all runs."""
    ranges = [one for one in typed if isinstance(one, tuple)]
    if not ranges:
        return [one for one in typed if isinstance(one, int)], None
    if len(typed) > 1:
        low, high = ranges[0]
        raise UsageError(f"--length {low}..{high} is one range for every run: leave out the other lengths.")
    return [], ranges[0]
