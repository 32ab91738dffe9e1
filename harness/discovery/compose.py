"""An architecture from its name: the parts are loaded once, options are handed out, one module is built of them."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.architecture import Architecture, Wrapper
from harness.discovery import footprint, registry
from harness.discovery.adapt import as_architecture
from harness.discovery.options import Option, arguments, options_of, refuse_unfit_constructor, resolve, takes
from harness.errors import PluginError, UsageError
from harness.names import is_importable, split_parts
from harness.process.state import preserve_state
from harness.spec import RunSpec

_GIVEN = ("output_size", "max_length")  # arguments that are no options: the core or the wrapper knows them


@dataclass(frozen=True)
class Part:
    """A task, or one part of a composed architecture, loaded."""

    typed: str  # as the command line has it
    found: registry.Plugin
    plugin: Any  # the class or function
    options: Mapping[str, Option]
    constants: Mapping[str, Any] = field(default_factory=dict)  # arguments that the core sets

    @property
    def name(self) -> str:
        """As tables have it."""
        return self.found.name

    @cached_property  # a plan asks once for each run
    def code(self) -> str:
        """The fingerprint of its source."""
        return self.found.fingerprint()

    @property
    def source(self) -> tuple[str, str]:
        """Module and class: the same for every spelling of a file's path."""
        return self.found.module, self.found.attribute

    @property
    def path(self) -> Path | None:
        """The path of a loose file."""
        return self.found.path

    @property
    def files(self) -> dict[str, str]:
        """Files from elsewhere that it was seen to import or read so far, with their digests."""
        return self.found.files()


@dataclass(frozen=True)
class Composition:
    """An architecture by name, parsed and loaded once: 'deep:bidirectional:gru' has three parts, outermost first."""

    name: str  # as typed, with what a wrapper alone wraps
    parts: tuple[Part, ...]

    @property
    def display_name(self) -> str:
        """As tables show it: './cells/mine.py:Cell' is 'Cell'."""
        return ":".join(part.name for part in self.parts)

    @cached_property
    def code(self) -> str:
        """The fingerprint of the source of all parts."""
        return "+".join(part.code for part in self.parts)

    @property
    def is_installed(self) -> bool:
        """Whether all of its parts belong to installed distributions."""
        return all(part.found.is_installed for part in self.parts)

    @property
    def files(self) -> dict[str, str]:
        """Files from elsewhere that its parts were seen to import or read so far, with their digests."""
        return {path: digest for part in self.parts for path, digest in part.files.items()}

    @property
    def options(self) -> dict[str, Option]:
        """Every option, keyed 'part.option'."""
        return {f"{part.name}.{key}": option for part in self.parts for key, option in part.options.items()}

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value, given or default; UsageError for unknown, missing and unfit ones."""
        return {f"{part.name}.{key}": v for part, own in self._split(given) for key, v in own.items()}

    def build(
        self, input_size: int, hidden_size: int, options: Mapping[str, Any] | None = None, max_length: int | None = None
    ) -> Architecture:
        """The module; `max_length`, the most time steps it will be given, goes to the parts that take it."""
        parts = self._split(options or {})
        watched = [part.found.module for part in self.parts if not part.found.is_installed]
        with preserve_state(), footprint.watching(*watched):
            return _make(parts, input_size, hidden_size, max_length)

    def _split(self, given: Mapping[str, Any]) -> list[tuple[Part, dict[str, Any]]]:
        """Each part with its own options resolved."""
        owners: dict[str, dict[str, Any]] = {part.name: {} for part in self.parts}
        for key, value in given.items():
            owner, _, name = key.rpartition(".")
            if owner not in owners:
                raise UsageError(f"Option {key!r} names no part of the architecture: {', '.join(sorted(owners))}.")
            owners[owner][name] = value
        return [(part, resolve(part.name, part.options, owners[part.name])) for part in self.parts]


def compose(name: str) -> Composition:
    """Loads the parts of a name; a wrapper alone wraps its `default_base`. UsageError where parts do not fit."""
    parts = [_load(part) for part in split_parts(name)]
    typed = name
    if is_wrapper(parts[-1].plugin):
        base = parts[-1].plugin.default_base
        name = f"{name}:{base}"
        parts.append(_load(base))
    if is_wrapper(parts[-1].plugin):
        raise PluginError(f"{parts[-2].name!r} wraps {parts[-1].name!r} by default, which is a wrapper itself.")
    for part in parts[:-1]:
        if not is_wrapper(part.plugin):
            raise UsageError(f"{part.name!r} wraps nothing: only a wrapper such as 'deep' can stand before a colon.")
    if len({part.name for part in parts}) < len(parts):
        raise UsageError(f"{typed!r} names a part twice; each wrapper can be used once.")
    return Composition(name, tuple(parts))


def load_task(name: str) -> Part:
    """The task of a name, loaded."""
    found = registry.find("task", name)
    plugin = found.load()
    if not callable(plugin):
        raise PluginError(f"task {name!r} is a {type(plugin).__name__}, not a class or a function.")
    return Part(name, found, plugin, options_of(plugin))


def build_architecture(
    name: str,
    input_size: int,
    hidden_size: int,
    options: Mapping[str, Any] | None = None,
    max_length: int | None = None,
) -> Architecture:
    """One architecture, ready to use; options are keyed 'part.option', e.g. {"lstm.forget_bias": 0.0}."""
    return compose(name).build(input_size, hidden_size, options, max_length)


def refuse_other_code(spec: RunSpec) -> None:
    """Raises PluginError where this machine's plugins are not those that the run was planned with."""
    architecture = compose(spec.architecture).code if spec.architecture_code else ""
    task = registry.find("task", spec.task).fingerprint() if spec.task_code else ""
    for name, planned, here in (
        (spec.architecture, spec.architecture_code, architecture),
        (spec.task, spec.task_code, task),
    ):
        if planned != here:
            where = platform.node() or "this node"
            raise PluginError(
                f"{name} has changed since the run was planned, or is another version on {where}: train it again, "
                "or install the version that the run was planned with."
            )


def is_built_in(name: str) -> bool:
    """Whether all parts of an architecture are brought by this package."""
    return all(registry.find("architecture", part).built_in for part in split_parts(name))


def is_wrapper(plugin: Any) -> bool:
    return inspect.isclass(plugin) and issubclass(plugin, Wrapper)


def _load(name: str) -> Part:
    found = registry.find("architecture", name)
    plugin = found.load()
    if not callable(plugin):
        raise PluginError(f"architecture {name!r} is a {type(plugin).__name__}, not a class or a function.")
    constants = _constants(plugin, name)
    given = ("input_size", "hidden_size", *(["make"] if is_wrapper(plugin) else []))
    refuse_unfit_constructor(plugin, name, given, constants)
    return Part(name, found, plugin, options_of(plugin, len(given), without=(*_GIVEN, *constants)), constants)


def _constants(plugin: Any, name: str) -> dict[str, Any]:
    """What a layer of a library must be told to be one batch-first layer, as an architecture is."""
    if not is_importable(name) or (inspect.isclass(plugin) and issubclass(plugin, Architecture)):
        return {}
    return {key: value for key, value in (("batch_first", True), ("num_layers", 1)) if takes(plugin, key)}


def _make(
    parts: list[tuple[Part, dict[str, Any]]], input_size: int, hidden_size: int, max_length: int | None
) -> Architecture:
    (part, resolved), *inner = parts
    given = {**part.constants, **arguments(part.options, resolved)}
    if takes(part.plugin, "max_length"):
        given["max_length"] = max_length
    if not is_wrapper(part.plugin):
        module = part.plugin(input_size, hidden_size, **given)
        return as_architecture(module, input_size, hidden_size, max_length)

    def make(inner_input: int, inner_hidden: int) -> Architecture:
        return _make(inner, inner_input, inner_hidden, max_length)

    wrapped: Architecture = part.plugin(input_size, hidden_size, make, **given)
    return wrapped
