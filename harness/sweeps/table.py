"""The flags of a sweep as the keys of a TOML table: in the file of `--config`, and in a study."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UsageError, did_you_mean
from harness.names import is_file, split_parts
from harness.sweeps.texts import quote_value

_SET = "set"


_NAMES = ("arch", "task")


def tokens_of(
    path: Path, content: Mapping[str, Any], parser: argparse.ArgumentParser, typed: Sequence[str] = ()
) -> list[str]:
    """The arguments that the keys of a table stand for; UsageError for a key without a flag. `path`: of their file."""
    flags = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    for key in content:
        if _flag(key) not in flags - {"--config", "--help"}:
            raise UsageError(f"{path}: {did_you_mean('key', key, (flag[2:] for flag in flags))}")
    given = {token.partition("=")[0] for token in typed if token.startswith("--")}
    own = {key: value for key, value in content.items() if key == _SET or _flag(key) not in given}
    return [token for key, value in own.items() for token in _tokens(path, key, value, typed)]


def _tokens(path: Path, key: str, value: Any, typed: Sequence[str]) -> list[str]:
    if key == _SET:
        return _assignments(path, value, typed)
    if isinstance(value, bool):
        return [_flag(key)] if value else []
    values = _values(path, key, value)
    if key in _NAMES:
        values = [_named(path, str(one)) for one in values]
    return [_flag(key), *map(str, values)]


def _assignments(path: Path, table: Any, typed: Sequence[str]) -> list[str]:
    """`[set]` is a table of options; a list makes variants. A typed option overrides it."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: 'set' is a table of options: [set] and a line name = value for each.")
    names = {token.partition("=")[0] for token in typed}
    tokens: list[str] = []
    for name, value in _flat(table).items():
        if name in names:
            continue
        values = [_text(path, name, one) for one in _values(path, name, value, (str, int, float, list))]
        tokens += ["--set", f"{name}={','.join(values)}"]
    return tokens


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """In TOML `lstm.forget_bias = 0` makes a table in the table; here it is the option lstm.forget_bias."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        inner = {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, Mapping) else {name: value}
        flat.update(inner)
    return flat


def _values(path: Path, key: str, value: Any, kinds: tuple[type, ...] = (str, int, float)) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values or any(not isinstance(one, kinds) for one in values):
        raise UsageError(f"{path}: {key!r} takes a text, a number, or a list of them, got {value!r}.")
    return values


def _text(path: Path, name: str, value: Any) -> str:
    """A value of an option as --set takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return repr(value)
    if name.rpartition(".")[2] == "path" and (path.parent / str(value)).exists():
        value = str(path.parent / str(value))
    return quote_value(value) if isinstance(value, str) else str(value)


def _named(path: Path, name: str) -> str:
    """An architecture or a task; the path of a loose file begins at the folder of the TOML file."""
    return ":".join(str(path.parent / part) if is_file(part) else part for part in split_parts(name))


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"
