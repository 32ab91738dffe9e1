"""Classes as plugins: the name under which any process finds a class, whose source is written to a file where need be.

A class of a module or a file is named by it. A class of a notebook or of the script that runs has no name in another
process: its source is written to a file, with what it uses from beside it.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.discovery import loose_files, source, written_source
from harness.errors import UsageError
from harness.names import split_parts

_MAIN = "__main__"


def name_of(plugin: Any, folder: Path) -> str:
    """The name of a class: 'package.module:Class', or './file.py:Class' of a file, which may be written to `folder`.

    A text is a name already. UsageError for anything that is no class, and for a class whose source cannot be had.
    """
    if isinstance(plugin, str):
        return plugin
    if not inspect.isclass(plugin):
        raise UsageError(
            f"Architectures and tasks are names or classes, got {_shown(plugin)}: write a class, such as "
            "class Mine(nn.Module) with a constructor (input_size, hidden_size)."
        )
    if "." in plugin.__qualname__:
        raise UsageError(
            f"{plugin.__qualname__} is defined inside a function or a class, where no other process can find it: "
            "define it at the top level."
        )
    return _importable(plugin) or _written(plugin, folder)


def _importable(plugin: type) -> str:
    """The name of a class that every process can import; '' for one of a notebook or of the script that runs."""
    module = sys.modules.get(plugin.__module__)
    if plugin.__module__ == _MAIN or getattr(module, plugin.__name__, None) is not plugin:
        return ""
    name = f"{plugin.__module__}:{plugin.__name__}"
    if not plugin.__module__.startswith(loose_files.PREFIX) and split_parts(name) == [name]:
        return name if source.locate(plugin.__module__) else ""
    file = getattr(module, "__file__", None)
    return f"{file}:{plugin.__name__}" if file else ""


def _written(plugin: type, folder: Path) -> str:
    """The name of a class whose source is written to a file that its content names; the same source, the same file."""
    text = written_source.module_of(plugin)
    path = folder / sha256(text.encode()).hexdigest()[:12] / f"{plugin.__name__.lower()}.py"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, partial = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(partial, path)
        except OSError as error:
            raise UsageError(f"{plugin.__name__} cannot be written to {path} ({error.strerror}).") from None
    return f"{path}:{plugin.__name__}"


def _shown(plugin: Any) -> str:
    return f"the function {plugin.__name__}" if inspect.isfunction(plugin) else repr(plugin)[:80]
