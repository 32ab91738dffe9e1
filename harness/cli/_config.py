"""`--config sweep.toml`: the flags of `harness run` in a file, under the same names. Typed flags override it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.sweeps.table import tokens_of
from harness.sweeps.toml_file import read_toml


def expanded(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The arguments, preceded by those of the file that they name; what was typed is left out of the file's."""
    typed = list(arguments)
    path = _taken(typed)
    if path is None:
        return typed
    if _taken(typed) is not None:
        raise UsageError("--config is given twice: put all flags into one file.")
    content = read_toml(Path(path), "--config")
    return tokens_of(Path(path), content, parser, typed) + typed


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
