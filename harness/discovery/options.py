"""Options are constructor arguments: found in a signature, parsed from text, checked. Never imports torch.

The value of an option is a number, a text, a truth value, None, or a list of these, so that it can be written into a
spec. A member of an Enum is written by its name. An argument whose default is none of these (a function, a module) is
fixed: it keeps its default and cannot be set.
"""

from __future__ import annotations

import ast
import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from harness.errors import PluginError, UsageError, did_you_mean

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SCALARS = (types.NoneType, bool, int, float, str)  # in the order in which a text is tried
_ANY = (int, float, bool, str)  # taken where nothing says what an argument takes
_CONTAINERS = (tuple, list)
_MISSING = inspect.Parameter.empty
_NO_VALUE = object()


@dataclass(frozen=True)
class Option:
    """One constructor argument: the types it takes (bool, int, float, str, None, list), its choices, its default."""

    name: str
    types: tuple[type, ...]
    choices: tuple[Any, ...] = ()
    default: Any = _MISSING  # as a spec holds it
    convert: Callable[[Any], Any] | None = None  # from a spec's value to the argument, where they differ

    @property
    def required(self) -> bool:
        return self.default is _MISSING

    @property
    def fixed(self) -> bool:
        """Whether there is nothing that it could be set to."""
        return not self.choices and set(self.types) <= {types.NoneType}

    @property
    def kind(self) -> str:
        """What it takes, for people: 'tanh | relu', 'float', 'int or none'."""
        if self.fixed:
            return "fixed (cannot be set)"
        choices = " | ".join(_as_text(choice) for choice in self.choices)
        return " or ".join([*([choices] if choices else []), *map(_type_name, self.types)])

    def parse(self, text: str) -> Any:
        """The value that `text` stands for, or a ValueError."""
        if self.fixed:
            raise self._unfit(text)
        for choice in self.choices:
            if text == _as_text(choice):
                return choice
        for kind in self._tried():
            value = _parse_as(kind, text, whole=int in self.types)
            if value is not _NO_VALUE:
                return value
        raise self._unfit(text)

    def check(self, value: Any) -> Any:
        """`value` itself (an int widened where a float is meant), or a ValueError. The default is always right."""
        if isinstance(value, tuple):
            value = list(value)
        if _same(value, self.default) or value in self.choices or type(value) in self.types:
            return value
        if type(value) is int and float in self.types:
            return float(value)
        raise self._unfit(value)

    def _tried(self) -> list[type]:
        known = [*_SCALARS[:-1], list, str]
        return sorted(self.types, key=known.index)

    def _unfit(self, value: Any) -> ValueError:
        if self.fixed:
            return ValueError(
                f"{self.name} is fixed at {self.default!r}: only numbers, words, lists and true or false are set"
            )
        return ValueError(f"{self.name} takes {self.kind}, got {value!r}")


def options_of(plugin: Any, given: int = 0, without: Sequence[str] = ()) -> dict[str, Option]:
    """The options of a class or factory, by name, in the order of its signature.

    `given`: how many leading positional arguments the core passes itself. `without`: names that are no options.
    Where the constructor takes `**kwargs`, arguments with a default of the classes it inherits from count too.
    """
    found: dict[str, Option] = {}
    for index, target in enumerate(_constructors(plugin)):
        scope = getattr(inspect.unwrap(target), "__globals__", {})
        parameters = list(inspect.signature(target).parameters.values())
        parameters = [p for p in parameters if p.name != "self"]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
        if index == 0:
            named = named[given:]
        else:  # a base class: its positional arguments are passed on by the class itself
            named = [p for p in named if p.default is not p.empty and p.name not in ("input_size", "hidden_size")]
        named = [p for p in named if p.kind is p.POSITIONAL_OR_KEYWORD]
        for parameter in [*named, *(p for p in parameters if p.kind is p.KEYWORD_ONLY)]:
            if parameter.name not in without:
                found.setdefault(parameter.name, _option(parameter, _hint(parameter, scope)))
    return found


def takes(plugin: Any, name: str) -> bool:
    """Whether a constructor takes an argument of this name."""
    return any(name in inspect.signature(target).parameters for target in _constructors(plugin))


def refuse_unfit_constructor(plugin: Any, name: str, given: Sequence[str], constants: Mapping[str, Any]) -> None:
    """Raises PluginError where a constructor cannot be called with the arguments that the core passes itself."""
    signature = inspect.signature(plugin)
    try:
        signature.bind_partial(*given, **constants)
    except TypeError as error:
        seen = f"its constructor is {signature} ({error})"
        raise PluginError(f"architecture {name!r} cannot be built from ({', '.join(given)}): {seen}.") from None


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


def arguments(options: Mapping[str, Option], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What the constructor is given: the resolved values, without those at their default, which it has itself."""
    return {
        name: option.convert(resolved[name]) if option.convert else resolved[name]
        for name, option in options.items()
        if name in resolved and not _same(resolved[name], option.default)
    }


def _constructors(plugin: Any) -> list[Any]:
    """The constructor of a class and those it may pass `**kwargs` on to; a factory itself."""
    if not inspect.isclass(plugin):
        return [plugin]
    found = []
    for cls in plugin.__mro__[:-1]:  # without object
        if "__init__" in vars(cls):
            found.append(vars(cls)["__init__"])
            if not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(found[-1]).parameters.values()):
                break
    return found or [plugin]


def _option(parameter: inspect.Parameter, hint: Any) -> Option:
    default, convert = _value_of(parameter.default)
    if default is _NO_VALUE:
        return Option(parameter.name, (), (), parameter.default)
    accepted, choices, members = _accepted(hint)
    if members is not None:
        convert = _member(members, convert)
    if hint in (None, Any) and default is None:
        return Option(parameter.name, (types.NoneType, *_ANY), (), None)
    if hint in (None, Any) and default is _MISSING:
        return Option(parameter.name, _ANY)
    if default is not _MISSING:
        own_type = type(default)
        if not (accepted or choices) or (default not in choices and own_type not in accepted):
            accepted, choices = _with_default(accepted, choices, default)
    widened = type(default) is int and float in accepted and hint is not None and int not in _accepted(hint)[0]
    return Option(parameter.name, accepted, choices, float(default) if widened else default, convert)


def _with_default(
    accepted: tuple[type, ...], choices: tuple[Any, ...], default: Any
) -> tuple[tuple[type, ...], tuple[Any, ...]]:
    """What the author wrote as default is always valid, whatever the annotation says."""
    if choices and not accepted:
        return accepted, (*choices, default)
    if type(default) is int and float in accepted:
        return accepted, choices
    return (*accepted, type(default)), choices


def _value_of(default: Any) -> tuple[Any, Callable[[Any], Any] | None]:
    """A default as a spec holds it, and how it becomes the argument again; no value where a spec cannot hold it."""
    if default is _MISSING or type(default) in _SCALARS:
        return default, None
    if isinstance(default, Enum):
        return default.name, _member(type(default), None)
    if isinstance(default, numbers.Number) and hasattr(default, "item"):
        return default.item(), type(default)  # a number of numpy's
    if type(default) in _CONTAINERS and all(type(one) in _SCALARS for one in default):
        return list(default), type(default)
    return _NO_VALUE, None


def _member(kind: type[Enum], before: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        return kind[value] if value in kind.__members__ else before(value) if before else value

    return convert


_Accepted = tuple[tuple[type, ...], tuple[Any, ...], type[Enum] | None]


def _accepted(hint: Any) -> _Accepted:
    """The types and choices that a type hint admits, and its Enum; nothing for a hint that is not understood."""
    origin = typing.get_origin(hint)
    if origin in (typing.Annotated, Final):
        return _accepted(typing.get_args(hint)[0])
    if origin is Literal:
        return (), typing.get_args(hint), None
    if origin in (typing.Union, types.UnionType):
        parts = [_accepted(part) for part in typing.get_args(hint)]
        accepted = tuple(dict.fromkeys(kind for part in parts for kind in part[0]))
        members = next((part[2] for part in parts if part[2]), None)
        return accepted, tuple(choice for part in parts for choice in part[1]), members
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return (), tuple(hint.__members__), hint
    if (origin or hint) in (*_CONTAINERS, Sequence):
        return (list,), (), None
    return ((hint,), (), None) if hint in _SCALARS else ((), (), None)


def _hint(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    """The type that a parameter is annotated with; None where there is none, or none that exists at run time."""
    if parameter.annotation is parameter.empty:
        return None
    annotated = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        return typing.get_type_hints(annotated, scope, include_extras=True)["it"]
    except Exception:  # an annotation may be any expression: a name for type checkers only, prose, a call
        return None


def _parse_as(kind: type, text: str, whole: bool) -> Any:
    """The text as a value of a type; `whole`: 1 and 0 are numbers here, not truth values."""
    if kind is types.NoneType:
        return None if text.lower() == "none" else _NO_VALUE
    if kind is bool:
        return _NO_VALUE if whole and text in ("0", "1") else _WORDS.get(text.lower(), _NO_VALUE)
    if kind is list:
        return _parse_list(text)
    try:
        return kind(text)
    except ValueError:
        return _NO_VALUE


def _parse_list(text: str) -> Any:
    """'[1, 2]' as a list of numbers, texts or truth values."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _NO_VALUE
    plain = isinstance(value, (list, tuple)) and all(type(one) in _SCALARS for one in value)
    return list(value) if plain else _NO_VALUE


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _type_name(kind: type) -> str:
    return {types.NoneType: "none", list: "a list such as [1,2]"}.get(kind, kind.__name__)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
