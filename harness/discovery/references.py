"""The papers that architectures and tasks name, read from their source: nothing is imported for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from harness.discovery import registry, source
from harness.discovery.registry import Plugin
from harness.errors import HarnessError
from harness.names import short_name, split_parts
from harness.record import Record


def references(records: Iterable[Record]) -> dict[str, str]:
    """The `reference` of every architecture and task of these runs, by its name; those that give one."""
    specs = [record.spec for record in records]
    parts = {part for name in {spec.architecture for spec in specs} for part in split_parts(name)}
    wanted: list[tuple[registry.Kind, str]] = [("task", spec.task) for spec in specs]
    wanted += [("architecture", part) for part in parts]
    found = {short_name(name): _reference(kind, name) for kind, name in dict.fromkeys(wanted)}
    return {name: text for name, text in sorted(found.items()) if text}


def _reference(kind: registry.Kind, name: str) -> str:
    """'' where the plugin is not here any more, is not Python, or names no paper."""
    try:
        plugin = registry.find(kind, name)
        path = plugin.path or source.locate(plugin.module)
        return _declared(plugin, ast.parse(path.read_bytes())) if path else ""
    except (HarnessError, OSError, SyntaxError):
        return ""


def _declared(plugin: Plugin, module: ast.Module) -> str:
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    bodies = [node.body for node in classes if plugin.attribute in ("", node.name)]
    for statement in (statement for body in bodies for statement in body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "reference" for target in targets):
            value = getattr(statement, "value", None)
            return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
    return ""
