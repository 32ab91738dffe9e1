"""Plugins in loose files: found by path, imported under a stable name, with what lies beside them."""

from __future__ import annotations

import difflib
import importlib.util
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from harness.discovery import source
from harness.errors import PluginError, UsageError

PREFIX = "harness_loose_"
"""What the modules of loose files are called, before their stem."""


def path_of(name: str) -> Path:
    """The file of './cell.py' or './cell.py:Cell'; UsageError where there is none."""
    file = name.partition(".py:")[0]
    try:
        path = Path(os.path.expanduser(file if file.endswith(".py") else f"{file}.py")).resolve()
        found = path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name too long, an unknown ~user
        cause = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise UsageError(f"{file!r} is no path of a file: {cause}.") from None
    if not found:
        raise UsageError(f"There is no file {path}.{_near(path)}")
    return path


def module_name(path: Path) -> str:
    """The name under which a file is imported, the same in every process."""
    return f"{PREFIX}{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"


def load_file(name: str, path: Path) -> ModuleType:
    """Imports a file under a stable name, so that its classes can be found again by that name."""
    if name in sys.modules:
        return sys.modules[name]
    search_beside(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        _refuse_other_neighbours(path)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def search_beside(path: Path) -> None:
    """Lets a file import what lies beside it, then what lies in the working folder; what is installed comes first."""
    last = str(Path.cwd())
    if last != str(path.parent):
        sys.path[:] = [folder for folder in sys.path if folder != last]
    for folder in (str(path.parent), last):
        if folder not in sys.path:
            sys.path.append(folder)


def loaded_folders() -> set[Path]:
    """The folders of the loose files that were imported."""
    modules = [sys.modules[name] for name in list(sys.modules) if name.startswith(PREFIX)]
    return {Path(getattr(module, "__file__", None) or "").parent for module in modules}


def _near(path: Path) -> str:
    files = [file.name for file in path.parent.glob("*.py") if file.is_file()]
    near = difflib.get_close_matches(path.name, files, n=1)
    return f" Did you mean {path.with_name(near[0])}?" if near else ""


def _refuse_other_neighbours(path: Path) -> None:
    """Python keeps one module of a name: the file must have been given those beside it, not another folder's."""
    for name, own in source.own_modules(path.stem, path, loose=True).items():
        file = getattr(sys.modules.get(name), "__file__", None)
        if own != path and file and Path(file).resolve() != own.resolve():
            raise PluginError(f"{path} imports {name!r} and got {file}, not {own}: rename one of the two.")
