"""Options are keyword-only constructor arguments: found, parsed from text and checked here. Never imports torch.

What is no number, word, truth value or None (`kernel_sizes: tuple[int, ...] = (3, 3)`) is fixed: it keeps its default,
which is part of the plugin's code, and is no part of a spec.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.errors import PluginError, UsageError, did_you_mean

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Option:
    """One keyword-only argument: the types it takes (bool, int, float, str, None), its choices, its default."""

    name: str
    types: tuple[type, ...]
    choices: tuple[Any, ...] = ()
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def fixed(self) -> bool:
        """Whether there is nothing that it could be set to."""
        return not (self.types or self.choices)

    @property
    def kind(self) -> str:
        """What it takes, for people: 'tanh | relu', 'float', 'int or none'."""
        if self.fixed:
            return "fixed (cannot be set)"
        choices = " | ".join(_shown(choice) for choice in self.choices)
        return " or ".join([*([choices] if choices else []), *map(_type_name, self.types)])

    def parse(self, text: str) -> Any:
        """The value that `text` stands for, or a ValueError."""
        for choice in self.choices:
            if text == _shown(choice):
                return choice
        for kind in sorted(self.types, key=_PARSE_ORDER.index):
            value = _parse_as(kind, text)
            if value is not _NO_VALUE:
                return value
        raise self._unfit(text)

    def check(self, value: Any) -> Any:
        """`value` itself (an int widened where a float is meant), or a ValueError."""
        if value in self.choices or type(value) in self.types:
            return value
        if type(value) is int and float in self.types:
            return float(value)
        raise self._unfit(value)

    def _unfit(self, value: Any) -> ValueError:
        if self.fixed:
            return ValueError(
                f"{self.name} is fixed at {self.default!r}: only numbers, words and true or false are set"
            )
        return ValueError(f"{self.name} takes {self.kind}, got {value!r}")


_NO_VALUE = object()
_PARSE_ORDER = [types.NoneType, bool, int, float, str]
_CONTAINERS = (tuple, list, dict, set, frozenset, Sequence, Mapping)


def options_of(plugin: Any) -> dict[str, Option]:
    """The options of a class or factory, by name, in the order of its signature."""
    target = plugin.__init__ if inspect.isclass(plugin) else plugin
    scope = getattr(inspect.unwrap(target), "__globals__", {})
    keyword_only = [p for p in inspect.signature(target).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: _option(p, _hint(p, scope)) for p in keyword_only}


def resolve(owner: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every option that is not fixed with its value, given or default; UsageError for unknown, missing, unfit ones."""
    for name in given:
        if name not in options:
            raise UsageError(did_you_mean(f"option of {owner}", name, options))
    resolved = {}
    for name, option in options.items():
        if option.fixed and option.required:
            raise PluginError(f"{owner} needs {name!r}, which cannot be set from outside: give it a default.")
        if option.fixed and name not in given:
            continue
        if name not in given and option.required:
            raise UsageError(f"{owner} needs a value for {name!r} ({option.kind}): --set {name}=...")
        try:
            resolved[name] = option.check(given[name]) if name in given else option.default
        except ValueError as error:
            raise UsageError(f"{owner}: {error}.") from None
    return resolved


def _option(parameter: inspect.Parameter, hint: Any) -> Option:
    if parameter.default is not parameter.empty and type(parameter.default) not in _PARSE_ORDER:
        return Option(parameter.name, (), (), parameter.default)
    if hint is None and parameter.default not in (None, parameter.empty):
        hint = type(parameter.default)
    accepted, choices = _accepted(hint)
    widened = type(parameter.default) is int and float in accepted and int not in accepted
    default = float(parameter.default) if widened else parameter.default  # so that the default typed is the default
    return Option(parameter.name, accepted, choices, default)


def _accepted(hint: Any) -> tuple[tuple[type, ...], tuple[Any, ...]]:
    """The types and choices a type hint admits; nothing for a container, and text for anything this does not know."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _accepted(typing.get_args(hint)[0])
    if origin is Literal:
        return (), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        accepted = [kind for part in typing.get_args(hint) for kind in _accepted(part)[0]]
        choices = [choice for part in typing.get_args(hint) for choice in _accepted(part)[1]]
        return tuple(dict.fromkeys(accepted)), tuple(choices)
    if (origin or hint) in _CONTAINERS:
        return (), ()
    return ((hint,), ()) if hint in _PARSE_ORDER else ((str,), ())


def _hint(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    """The type that a parameter is annotated with; None where there is none, or none that exists at run time."""
    if parameter.annotation is parameter.empty:
        return None
    annotated = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        return typing.get_type_hints(annotated, scope, include_extras=True)["it"]
    except (NameError, AttributeError, TypeError, SyntaxError):  # as for a name imported for type checkers only
        return None


def _parse_as(kind: type, text: str) -> Any:
    if kind is types.NoneType:
        return None if text.lower() == "none" else _NO_VALUE
    if kind is bool:
        return _WORDS.get(text.lower(), _NO_VALUE)
    try:
        return kind(text)
    except ValueError:
        return _NO_VALUE


def _type_name(kind: type) -> str:
    return "none" if kind is types.NoneType else kind.__name__


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
