"""What is searched for an architecture: what every run has, what its plugins declare, what was typed.

A search space has the names of what it changes: settings of `RunSpec` (`lr`), `hidden_size`, and options by part
(`lstm.forget_bias`). What was set by hand is not searched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from harness.discovery.compose import compose
from harness.discovery.options import Option
from harness.discovery.variants import HIDDEN_SIZE, compose_all, refuse_unknown_options
from harness.errors import PluginError, UsageError, did_you_mean
from harness.space import Choice, Float, Int, Space, as_range
from harness.spec import OPTIMIZERS, RunSpec

SETTINGS: Mapping[str, Space] = {
    "lr": Float(1e-4, 3e-2, log=True),
    "clip": Float(0.1, 10.0, log=True),
    "optimizer": Choice("adam", "rmsprop"),  # both scale each step and share a range of rates; sgd does not
}
"""Searched for every architecture."""

_ALSO = {  # settings that are searched where that is asked
    "batch_size": Option("batch_size", (int,)),
    "beta2": Option("beta2", (float,)),
    "lr": Option("lr", (float,)),
    "clip": Option("clip", (float,)),
    "optimizer": Option("optimizer", (), OPTIMIZERS),
}
_BOUNDS = {
    "lr": (1e-9, math.inf),
    "clip": (0.0, math.inf),
    "beta2": (1e-9, 1 - 1e-9),
    "batch_size": (1, math.inf),
    HIDDEN_SIZE: (1, math.inf),
}
_SHORT = {"batch": "batch_size"}
Typed = Mapping[str, str]
"""From `--space`: a name, and its range as text."""


def space_of(architecture: str, typed: Typed, fixed: Iterable[str] = ()) -> dict[str, Space]:
    """What is searched for an architecture, by full name; `fixed` are full names of what was set by hand."""
    options = _options(architecture)
    space = {**SETTINGS, **declared(architecture)}
    for name in fixed:
        space.pop(name, None)
    for name, text in typed.items():
        for key in _mine(name, options):
            if key in fixed:
                raise UsageError(f"{key} is searched and set: leave one of --space {name}=... and its own value out.")
            space[key] = _parsed(key, options[key], text)
    if not space:
        raise UsageError(f"Nothing is left to search for {architecture}: all of it was set. Give it a --space.")
    return space


def declared(architecture: str) -> dict[str, Space]:
    """The search spaces of the parts of an architecture, by full name."""
    found: dict[str, Space] = {}
    for part in compose(architecture).parts:
        for name, space in getattr(part.plugin, "search_space", {}).items():
            if name not in part.options:
                raise PluginError(f"{part.name}.search_space: {did_you_mean('option', name, part.options)}")
            if not isinstance(space, Space):
                raise PluginError(
                    f"{part.name}.search_space[{name!r}] is {space!r}; it must be harness.Float(low, high), "
                    "harness.Int(low, high) or harness.Choice(value, ...)."
                )
            found[f"{part.name}.{name}"] = space
    return found


def check_typed(architectures: tuple[str, ...], typed: Typed, params: int | None) -> None:
    """Every typed name must be a setting that can be searched, or an option of the architectures."""
    if params and HIDDEN_SIZE in typed:
        raise UsageError("--params solves hidden_size in every trial: leave out --params, or --space hidden_size=...")
    options = {name: (text,) for name, text in typed.items() if _SHORT.get(name, name) not in _ALSO}
    try:
        refuse_unknown_options(compose_all(architectures), [], options)
    except UsageError as error:
        raise UsageError(
            f"{error} Settings that can be searched: {', '.join(_ALSO)}.".replace("--set", "--space")
        ) from None


def distributions(space: Mapping[str, Space]) -> dict[str, BaseDistribution]:
    """The same space for Optuna."""
    return {name: _distribution(one) for name, one in space.items()}


def first_trial(space: Mapping[str, Space], default: RunSpec) -> dict[str, Any]:
    """The default setting; where a narrowed space leaves a default out, what is nearest to it."""
    return {name: _nearest(one, default.value_of(name)) for name, one in space.items()}


def _options(architecture: str) -> dict[str, Option]:
    """All that can be searched for an architecture, by full name."""
    return {**_ALSO, HIDDEN_SIZE: Option(HIDDEN_SIZE, (int,)), **compose(architecture).options}


def _mine(name: str, options: Mapping[str, Option]) -> list[str]:
    name = _SHORT.get(name, name)
    return [key for key in options if name in (key, key.rpartition(".")[2])]


def _parsed(key: str, option: Option, text: str) -> Space:
    """A range of what the option takes."""
    try:
        space = as_range(text)
        if isinstance(space, Choice):
            space = Choice(*(option.parse(word.strip()) for word in text.split(",")))
        else:
            space = _range_of(key, option, space)
        low, high = _BOUNDS.get(key, (-math.inf, math.inf))
        ends = space.values if isinstance(space, Choice) else (space.low, space.high)
        if any(isinstance(end, (int, float)) and not low <= end <= high for end in ends):
            raise ValueError(f"{key} must be from {low:g} to {high:g}, got {space}")
    except ValueError as error:
        raise UsageError(f"--space {key}={text}: {error}.") from None
    return space


def _range_of(key: str, option: Option, space: Float | Int) -> Float | Int:
    """The range in the type of the option; a ValueError where that is not one of numbers."""
    if float in option.types:
        return Float(space.low, space.high, space.log)
    if int in option.types and isinstance(space, Int):
        return space
    kind = "whole" if isinstance(space, Int) else "real"
    raise ValueError(f"{key} takes {option.kind}, got a range of {kind} numbers")


def _distribution(space: Space) -> BaseDistribution:
    if isinstance(space, Choice):
        return CategoricalDistribution(space.values)
    if isinstance(space, Int):
        return IntDistribution(space.low, space.high, log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def _nearest(space: Space, value: Any) -> Any:
    if value in space:
        return value
    if isinstance(space, Choice) or not isinstance(value, (int, float)):
        return space.values[0] if isinstance(space, Choice) else space.low
    return min(max(value, space.low), space.high)
