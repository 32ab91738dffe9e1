"""Matched size: the hidden_size at which a model has a given number of parameters, or a state of a given size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from harness.discovery import time_limit
from harness.discovery.plugin_errors import describe_error
from harness.errors import HarnessError, PluginError, UsageError
from harness.process.rng import preserve_rng
from harness.training.model import Model, count_parameters, state_size

_LARGEST = 2**20
_MAX_UNIT_SIZE = 64  # of a hidden_size that must be divisible


@dataclass(frozen=True)
class Match:
    """The best that whole numbers allow."""

    hidden_size: int
    reached: int  # parameters, or whatever is measured


def match(
    build: Callable[[int], nn.Module],
    wanted: int,
    measure: Callable[[Any], int] = count_parameters,
    unit: str = "parameters",
) -> Match:
    """Finds the hidden_size whose really built model measures nearest to `wanted`; the measure grows with it."""

    def measured(units: int) -> int:
        return _measured_at(build, measure, units * unit_size)

    unit_size = _smallest_size(build, measure)
    high = 1
    while measured(high) < wanted:
        high *= 2
        if high * unit_size > _LARGEST:
            raise UsageError(f"No hidden_size up to {_LARGEST:,} gives {wanted:,} {unit}: does it size the model?")
    low = high // 2  # too small, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if measured(middle) < wanted else (low, middle)
    best = min((units for units in (low, high) if units), key=lambda units: abs(measured(units) - wanted))
    return Match(best * unit_size, measured(best))


def _smallest_size(build: Callable[[int], nn.Module], measure: Callable[[Any], int]) -> int:
    """The first hidden_size that the constructor accepts; its multiples are searched.

    It is 1 for most architectures, and 8 for one whose hidden_size must be divisible by 8.
    """
    refusals = []
    for size in range(1, _MAX_UNIT_SIZE + 1):
        try:
            _measured_at(build, measure, size)
            return size
        except PluginError as error:
            refusals.append(error)
            if not isinstance(error.__cause__, (ValueError, AssertionError, RuntimeError)):
                break  # the fault is not the size
    raise refusals[0]


def _measured_at(build: Callable[[int], nn.Module], measure: Callable[[Any], int], size: int) -> int:
    try:
        with time_limit.within(time_limit.SECONDS, f"Making a model of hidden_size {size}"):
            return _measured(lambda: measure(build(size)))
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"A model of hidden_size {size} cannot be made: {describe_error(error)}") from error


def match_state(builds: list[Callable[[int], Model]], first: int) -> list[int]:
    """The hidden_size of each model that carries as many numbers as the first one does at the hidden_size `first`."""
    wanted = _measured(lambda: count_state(builds[0](first)))
    return [first, *(match(build, wanted, count_state, "numbers of state").hidden_size for build in builds[1:])]


def count_state(model: Model) -> int:
    """Numbers that a model carries from step to step for one sequence; UsageError where it carries none."""
    architecture = model.architecture
    _, state = architecture(torch.zeros(1, 1, architecture.input_size))
    size = state_size(state)
    if not architecture.stateful or not size:
        raise UsageError(
            f"Sizes cannot be matched by the state, since {type(architecture).__name__} carries none: leave it out, or "
            "match params or hidden."
        )
    return size


def _measured(measure: Callable[[], int]) -> int:
    """Without memory for the weights where that works; some constructors ask for values and need the CPU."""
    with preserve_rng():
        try:
            with torch.device("meta"):
                return measure()
        except Exception:  # whatever it is: on the CPU it is gone, or told as it is
            return measure()
