"""Which kind of plugin a name is, for the commands that take both: one rule for `describe` and `check`."""

from __future__ import annotations

from harness.discovery import registry
from harness.discovery.registry import Kind
from harness.errors import PluginError, UsageError, did_you_mean
from harness.names import is_file, is_importable, split_parts

_BOTH = "{} is both an architecture and a task: say --arch or --task."


def kind_of(name: str) -> Kind:
    """'architecture' or 'task'; UsageError for a name that is neither or both, PluginError for a file that is."""
    if len(split_parts(name)) > 1:
        return "architecture"
    if is_file(name) or is_importable(name):
        return _kind_of_code(name)
    architectures, tasks = registry.names("architecture"), registry.names("task")
    if name in architectures and name in tasks:
        raise UsageError(_BOTH.format(repr(name)))
    if name not in architectures and name not in tasks:
        if registry.is_here(f"{name}.py"):
            registry.find("architecture", name)  # its error says how a file is named
        raise UsageError(did_you_mean("architecture or task", name, [*architectures, *tasks]))
    return "task" if name in tasks else "architecture"


def _kind_of_code(name: str) -> Kind:
    """The kind of a file or of something importable, by loading it."""
    try:
        plugin = registry.find("architecture", name).load()
    except PluginError as no_architecture:
        try:
            registry.find("task", name).load()
        except PluginError:
            raise no_architecture from None
        return "task"
    if is_importable(name) or name.partition(".py:")[2]:
        return "task" if hasattr(plugin, "sample") else "architecture"
    try:
        registry.find("task", name).load()
    except PluginError:
        return "architecture"
    raise UsageError(_BOTH.format(name))
