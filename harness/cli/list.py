"""`harness list`: the names of all plugins, without importing any of them."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from harness.cli._flags import add_json
from harness.cli._parse import Parser
from harness.discovery import registry, source
from harness.errors import PluginError

_KINDS: dict[registry.Kind, str] = {"architecture": "architectures", "task": "tasks", "report": "reports"}


def add(verbs: Any) -> None:
    parser: Parser = verbs.add_parser(
        "list",
        help="list architectures, tasks and reports",
        description="Lists architectures, tasks and report formats by name, without importing any of them.",
        epilog="examples:\n  harness list\n  harness list --broken    # imports every plugin, shows what fails",
    )
    parser.add_argument("--broken", action="store_true", help="import every plugin and list those that fail")
    add_json(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):  # whatever a plugin prints is not the result
        rows = [_row(plugin, arguments.broken) for kind in _KINDS for plugin in registry.plugins(kind)]
    if arguments.broken:
        rows = [row for row in rows if row["broken"]]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        _print(rows, arguments.broken)
    return 1 if arguments.broken and rows else 0


def _row(plugin: registry.Plugin, by_import: bool) -> dict[str, Any]:
    row = {"kind": plugin.kind, "name": plugin.name, "from": plugin.origin, "about": "", "broken": "", "wraps": False}
    if by_import:
        try:
            plugin.load()
        except PluginError as error:
            row["broken"] = str(error)
        return row
    path = source.locate(plugin.module)
    try:
        row["about"] = source.first_line(path) if path else ""
        row["wraps"] = path is not None and _wraps(path, plugin.attribute)
        row["broken"] = "" if path else f"no module {plugin.module!r}"
    except (SyntaxError, ValueError, OSError) as error:
        row["broken"] = f"{type(error).__name__}: {error}"
    return row


def _wraps(path: Path, attribute: str) -> bool:
    """Whether a class derives from `Wrapper`."""
    tree = ast.parse(path.read_bytes())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == attribute]
    return any(ast.unparse(base).rpartition(".")[2] == "Wrapper" for node in classes for base in node.bases)


def _print(rows: list[dict[str, Any]], broken: bool) -> None:
    if broken and not rows:
        print("Every plugin can be imported.")
    width = max((len(row["name"]) for row in rows), default=0)
    for kind, title in _KINDS.items():
        mine = [row for row in rows if row["kind"] == kind]
        if mine:
            print(f"{title}:")
        for row in mine:
            print(_wrapped(f"  {row['name']:<{width}}  ", _about(row)))
    if not broken:
        print("\nharness describe NAME shows more. A file is named by its path: --arch ./my_cell.py")


def _about(row: dict[str, Any]) -> str:
    about = f"BROKEN: {row['broken']}" if row["broken"] else row["about"]
    wraps = f" (wraps any architecture, as in {row['name']}:gru)" if row["wraps"] else ""
    third_party = "" if row["from"].startswith("rnn-harness ") else f"  [{row['from']}]"
    return f"{about}{wraps}{third_party}"


def _wrapped(name: str, text: str) -> str:
    """Wraps the text beside the name to the width of the terminal; without a terminal it is one line."""
    width = shutil.get_terminal_size((10_000, 0)).columns
    return textwrap.fill(text, width, initial_indent=name, subsequent_indent=" " * len(name), break_on_hyphens=False)
