"""What the functions of `harness.api` share: names of classes, settings, and the call as it was written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, TypeVar

from harness.discovery.classes import name_of
from harness.errors import UsageError, did_you_mean
from harness.sweeps.asked import refuse_unknown_names
from harness.sweeps.given import as_text, read, several, values_of
from harness.tracking.address import sqlite_path

_T = TypeVar("_T")
Several: TypeAlias = _T | Sequence[_T]
"""One value, or several."""
Value = bool | int | float | str | None | list[Any]
"""A value of an option."""
_CLASSES = "harness-classes"  # folder for the source of classes of notebooks
RENAMED = {"batch": "batch_size"}
"""Of `TrainingSettings`, to the names in RunSpec."""


class SearchSettings(TypedDict, total=False):
    """Settings of the training: the flags of `harness run` of these names, `-` written as `_`; see `harness run -h`."""

    steps: Several[int]
    batch: Several[int]
    lr: Several[float]
    schedule: Several[str]
    warmup: Several[int]
    final_lr: Several[float]
    optimizer: Several[str]
    weight_decay: Several[float]
    beta2: Several[float]
    clip: Several[float]
    tbptt: Several[int]
    embedding: Several[str]
    train_sequences: Several[int]
    precision: Several[str]
    execution: Several[str]
    validate_every: Several[int]
    validation_sequences: Several[int]


class TrainingSettings(SearchSettings, total=False):
    """Those of a search, and the number of sequences to test on; a list of values makes variants."""

    test_sequences: Several[int]


def names_of(architectures: Any, tasks: Any, uri: str) -> tuple[list[str], list[str]]:
    """The names of what may be given as classes; UsageError for none, for an unknown one, for a class without source.

    The source of a class of a notebook is written to a file: beside that of the store, so that models can be loaded
    later; in the working folder for a server.
    """
    file = sqlite_path(uri)
    folder = (file.parent if file else Path.cwd()) / _CLASSES
    names, task_names = ([name_of(one, folder) for one in several(given)] for given in (architectures, tasks))
    for what, found in (("architectures", names), ("tasks", task_names)):
        if not found:
            raise UsageError(f"{what}: takes at least one name or class, got none.")
    refuse_unknown_names(names, task_names)
    return names, task_names


def settings_of(function: str, training: Mapping[str, Any], known: type) -> dict[str, list[Any]]:
    """The settings by their names in RunSpec, each as a list of values; UsageError for an unknown or unfit one."""
    names = known.__annotations__
    unknown = [name for name in training if name not in names]
    if unknown:
        raise UsageError(did_you_mean(f"argument of {function}", unknown[0], names))

    from harness.sweeps.settings import SETTINGS

    found = {}
    for name, value in training.items():
        if value is None:
            continue
        setting = SETTINGS[RENAMED.get(name, name)]
        found[setting.name] = [read(name, one, setting.check) for one in several(value)]
    return found


def options_of(
    options: Mapping[str, Value | tuple[Value, ...]] | None, hidden_size: Several[int] | None = None
) -> list[tuple[str, tuple[str, ...]]]:
    """Options as they are typed with --set."""
    given = dict(options or {}) | ({} if hidden_size is None else {"hidden_size": tuple(several(hidden_size))})
    return [(key, tuple(map(as_text, values_of(value)))) for key, value in given.items()]


def call_of(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """The call of a function of ours as it was written: the arguments that are not at their defaults."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    told = {name: value for name, value in arguments.items() if name not in ("training", "tracking_uri", "quiet")}
    given = {name: value for name, value in told.items() if value is not defaults[name] and value != defaults[name]}
    written = ", ".join(f"{name}={_code(value)}" for name, value in {**given, **arguments["training"]}.items())
    return f"harness.{function.__name__}({written})"


def _code(value: Any) -> str:
    """A value as it is written in Python; a class by its name."""
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    return value.__name__ if isinstance(value, type) else repr(value)
