"""Plugins from loose files for other machines: read here, with the helpers that they import; written out there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from harness.discovery import registry, source
from harness.discovery.registry import Kind
from harness.errors import HarnessError
from harness.names import is_file, split_parts
from harness.spec import RunSpec


@dataclass(frozen=True)
class PluginFiles:
    """One loose file and the modules beside it that it imports. Modules found only while it runs are not among them."""

    path: Path  # where the file lies on the driver
    files: dict[str, bytes]  # by path relative to its folder


PluginFilesByName = dict[str, PluginFiles]
"""By plugin, as the spec names it."""


def pack(spec: RunSpec) -> PluginFilesByName:
    """Everything of a spec that comes from loose files."""
    named: list[tuple[Kind, str]] = [("architecture", part) for part in split_parts(spec.architecture)]
    found = {name: registry.find(kind, name) for kind, name in [*named, ("task", spec.task)] if is_file(name)}
    return {name: _pack(plugin.path) for name, plugin in found.items() if plugin.path}


def unpack(spec: RunSpec, files: PluginFilesByName) -> RunSpec:
    """The spec with its loose files where they are on this machine; written to a temporary folder if need be."""
    here = {name: _unpack(name, plugin) for name, plugin in files.items()}
    parts = split_parts(spec.architecture)
    return replace(
        spec, architecture=":".join(here.get(part, part) for part in parts), task=here.get(spec.task, spec.task)
    )


def _pack(path: Path) -> PluginFiles:
    folder = path.parent
    files = set(source.own_modules(path.stem, path, loose=True).values())
    packages = {parent / "__init__.py" for file in files for parent in file.relative_to(folder).parents if parent.name}
    files |= {folder / package for package in packages if (folder / package).is_file()}
    return PluginFiles(path, {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)})


def _unpack(name: str, plugin: PluginFiles) -> str:
    """The plugin's name with the path of its file on this machine."""
    folder = plugin.path.parent
    if not all(_holds(folder / relative, text) for relative, text in plugin.files.items()):
        folder = _folder(plugin)
        for relative, text in plugin.files.items():
            _write(folder / relative, text)
    attribute = name.partition(".py:")[2]
    return str(folder / plugin.path.name) + (f":{attribute}" if attribute else "")


def _holds(path: Path, text: bytes) -> bool:
    with contextlib.suppress(OSError):
        return path.read_bytes() == text
    return False


def _folder(plugin: PluginFiles) -> Path:
    """The same folder for the same files, and one that no other user can have put something into."""
    own = Path(tempfile.gettempdir()) / f"harness-plugins-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    status = own.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise HarnessError(f"{own} is open to others: remove it, code would be loaded from it.")
    digest = sha256()
    for relative, text in sorted(plugin.files.items()):
        digest.update(f"{relative}\0{len(text)}\0".encode() + text)
    return own / digest.hexdigest()[:16]


def _write(path: Path, text: bytes) -> None:
    """Whole or not at all: other runs on this machine may be reading it."""
    if _holds(path, text):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    os.replace(partial, path)
