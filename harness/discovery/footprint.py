"""Which files a plugin's code imports or reads from elsewhere: found while it is loaded and made, not in its source.

Its source shows what it imports from beside itself; `source.fingerprint` digests that. A helper from another folder,
a module imported by name at run time and a configuration file are seen here only.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_SEEN: dict[str, set[Path]] = {}  # by module of the plugin
_WATCHED: list[str] = []  # modules of the plugins whose code runs now
_SYSTEM = tuple(map(Path, ("/proc", "/sys", "/dev", "/etc", "/usr", "/run")))


@contextmanager
def watching(*modules: str) -> Iterator[None]:
    """Notes for the plugins of these modules what is imported and read while the context lasts."""
    if not modules:
        yield
        return
    _listen()
    before = set(sys.modules)
    _WATCHED.extend(modules)
    try:
        yield
    finally:
        del _WATCHED[-len(modules) :]
        new = [getattr(sys.modules[name], "__file__", None) for name in list(sys.modules) if name not in before]
        for module in modules:
            _SEEN.setdefault(module, set()).update(Path(file).resolve() for file in new if file)


def files_of(module: str, own: set[Path]) -> dict[str, str]:
    """Digests of the files from elsewhere that a plugin was seen to use, by path; `own` are in its fingerprint."""
    elsewhere = {path for path in _SEEN.get(module, set()) if path not in own and not _is_installed(path)}
    return {str(path): digest for path in sorted(elsewhere) if (digest := digest_of(path))}


def digest_of(path: Path) -> str:
    """A digest of a file; '' where it is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


@cache
def _listen() -> None:
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: `open` is raised for every file that Python opens, with path, mode and flags."""
    if event != "open" or not _WATCHED:
        return
    path, mode, flags = arguments
    if not isinstance(path, (str, bytes, os.PathLike)) or flags & (os.O_WRONLY | os.O_RDWR):
        return
    file = Path(os.fsdecode(path))
    if file.suffix in (".py", ".pyc") or (mode and set(mode) & set("wax+")):
        return
    for module in set(_WATCHED):
        _SEEN.setdefault(module, set()).add(Path(os.path.abspath(file)))


def _is_installed(path: Path) -> bool:
    """Whether a file belongs to Python, to an installed package, to this package or to the system."""
    return any(path.is_relative_to(folder) for folder in (*_installed(), *_SYSTEM)) or not path.is_file()


@cache
def _installed() -> tuple[Path, ...]:
    core = Path(__file__).resolve().parent.parent
    in_repository = (core.parent / "pyproject.toml").is_file()
    wings = [core.parent / wing for wing in ("plugins", "tasks", "reports") if in_repository]
    places = (Path(path).resolve() for path in sysconfig.get_paths().values())
    return (*places, core, *wings)
