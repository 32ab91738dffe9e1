"""Matched size: the hidden_size at which a model has a given number of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from harness.discovery import time_limit
from harness.discovery.registry import told
from harness.errors import HarnessError, PluginError, UsageError
from harness.process.rng import kept
from harness.training.model import count_parameters

_LARGEST = 2**20


@dataclass(frozen=True)
class Match:
    """The best that whole numbers allow."""

    hidden_size: int
    parameters: int


def match(build: Callable[[int], nn.Module], parameters: int) -> Match:
    """Finds the hidden_size whose really built model comes nearest to `parameters`; counts grow with it."""

    def count(size: int) -> int:
        try:
            with time_limit.within(time_limit.SECONDS, f"Making a model of hidden_size {size}"):
                return _count(lambda: build(size))
        except HarnessError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(f"A model of hidden_size {size} cannot be made: {told(error)}") from error

    high = 1
    while count(high) < parameters:
        high *= 2
        if high > _LARGEST:
            raise UsageError(
                f"No hidden_size up to {_LARGEST:,} gives {parameters:,} parameters: does it size the model?"
            )
    low = high // 2  # too small, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    best = min((size for size in (low, high) if size), key=lambda size: abs(count(size) - parameters))
    return Match(best, count(best))


def _count(build: Callable[[], nn.Module]) -> int:
    """Without memory for the weights where that works; some constructors ask for values and need the CPU."""
    with kept():
        try:
            with torch.device("meta"):
                return count_parameters(build())
        except Exception:  # whatever it is: on the CPU it is gone, or told as it is
            return count_parameters(build())
