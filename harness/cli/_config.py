"""`--config sweep.toml`: the flags of `harness run` in a file, under the same names. Typed flags override it."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UsageError, did_you_mean

_SET = "set"


def expanded(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The arguments, preceded by those of the file that they name; what was typed is left out of the file's."""
    typed = list(arguments)
    path = _taken(typed)
    if path is None:
        return typed
    if _taken(typed) is not None:
        raise UsageError("--config is given twice: put all flags into one file.")
    flags = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    content = _read(Path(path))
    for key in content:
        if _flag(key) not in flags - {"--config", "--help"}:
            raise UsageError(f"{path}: {did_you_mean('key', key, (flag[2:] for flag in flags))}")
    given = {token.partition("=")[0] for token in typed if token.startswith("--")}
    own = {key: value for key, value in content.items() if key == _SET or _flag(key) not in given}
    return [token for key, value in own.items() for token in _tokens(path, key, value, typed)] + typed


def _taken(arguments: list[str]) -> str | None:
    """Removes --config from the arguments and returns its file; None where there is none."""
    for index, token in enumerate(arguments):
        if token.startswith("--config="):
            return arguments.pop(index).partition("=")[2]
        if token == "--config":
            if index + 1 == len(arguments):
                raise UsageError("--config takes the path of a TOML file.")
            del arguments[index]
            return arguments.pop(index)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}.") from None


def _tokens(path: str, key: str, value: Any, typed: list[str]) -> list[str]:
    if key == _SET:
        return _assignments(path, value, typed)
    if isinstance(value, bool):
        return [_flag(key)] if value else []
    return [_flag(key), *(str(one) for one in _values(path, key, value))]


def _assignments(path: str, table: Any, typed: list[str]) -> list[str]:
    """`[set]` is a table of options; a list makes variants. A typed option overrides it."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: 'set' is a table of options: [set] and a line name = value for each.")
    names = {token.partition("=")[0] for token in typed}
    wanted = {name: _values(path, name, value) for name, value in table.items() if name not in names}
    return [t for name, values in wanted.items() for t in ("--set", f"{name}={','.join(map(_text, values))}")]


def _values(path: str, key: str, value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values or any(not isinstance(one, (str, int, float)) for one in values):
        raise UsageError(f"{path}: {key!r} takes a text, a number, or a list of them, got {value!r}.")
    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"
