"""Errors of plugins in one line, with the line of the plugin's own code where they came up."""

from __future__ import annotations

import inspect
import traceback
from pathlib import Path

from harness.discovery.loose_files import PREFIX, loaded_folders
from harness.discovery.registry import Kind, plugins
from harness.errors import message_of


def describe_error(error: BaseException) -> str:
    """A plugin's error in one line, with its place: 'RuntimeError: no weights (my_cell.py:12)'."""
    described = f"{type(error).__name__}: {message_of(error)}".splitlines()[0].rstrip(": ")
    if isinstance(error, SystemExit):
        described = f"the plugin called sys.exit({error.code})"
    location = error_location(error)
    return f"{described} ({location})" if location else described


def error_location(error: BaseException) -> str:
    """Where in a plugin's own code an error came up, such as 'my_cell.py:12', the innermost line; '' if nowhere."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = Path(frame.f_code.co_filename)
        if _is_of_a_plugin(frame.f_globals.get("__name__", ""), file):
            return f"{file.name}:{line}"
    return ""


def defined_at(plugin: type) -> str:
    """Where a class is defined, such as 'my_task.py:7', or its module where that has no source."""
    try:
        return f"{Path(inspect.getfile(plugin)).name}:{inspect.getsourcelines(plugin)[1]}"
    except (OSError, TypeError):
        return plugin.__module__


def _is_of_a_plugin(module: str, file: Path) -> bool:
    """Whether a module is of an installed plugin's package, or is a loose file that was loaded, or lies beside one."""
    kinds: tuple[Kind, ...] = ("architecture", "task")
    tops = {plugin.module.partition(".")[0] for kind in kinds for plugin in plugins(kind)}
    if module.partition(".")[0] == "harness":
        return module.startswith(("harness.plugins.", "harness.tasks."))
    if module.startswith(PREFIX):  # also while it is imported
        return True
    return module.partition(".")[0] in tops or file.parent in loaded_folders()
