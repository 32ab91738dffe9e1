"""Finds, reads and fingerprints the source of modules without importing them."""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def locate(module: str) -> Path | None:
    """The source file of a module, or None. Its parent packages are not imported either."""
    search: list[str] | None = None
    spec = None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        spec = _find_spec(".".join(parts[:depth]), search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def first_line(path: Path) -> str:
    """The first line of a module's docstring ('' where there is none); a SyntaxError if it is not Python."""
    docstring = ast.get_docstring(ast.parse(path.read_bytes()))
    return docstring.splitlines()[0] if docstring else ""


@cache
def fingerprint(module: str, path: Path) -> str:
    """A digest of a module's source and of all it imports, however deeply, from its own package or folder."""
    sources: dict[str, bytes] = {}
    _collect(module, path, _Own(module.split(".")[0], path.parent), sources)
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(name.encode() + b"\0" + sources[name] + b"\0")
    return digest.hexdigest()[:16]


def _find_spec(name: str, search: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        spec = importlib.machinery.ModuleSpec(name, None, origin=getattr(loaded, "__file__", None))
        spec.submodule_search_locations = list(getattr(loaded, "__path__", []))
        return spec
    found = (finder.find_spec(name, search, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


class _Own:
    """What counts as a plugin's own code: its top-level package, or the folder of a loose file."""

    def __init__(self, top: str, folder: Path) -> None:
        self.top = top
        self.folder = folder

    def locate(self, module: str) -> Path | None:
        if module.split(".")[0] == self.top:
            return locate(module)
        beside = self.folder.joinpath(*module.split("."))
        for candidate in (beside.with_suffix(".py"), beside / "__init__.py"):
            if candidate.is_file() and not (self.folder / "__init__.py").is_file():
                return candidate
        return None


def _collect(module: str, path: Path, own: _Own, sources: dict[str, bytes]) -> None:
    sources[module] = path.read_bytes()
    is_package = path.name == "__init__.py"
    for name in _imported(sources[module], module if is_package else module.rpartition(".")[0]):
        if name not in sources and (found := own.locate(name)):
            _collect(name, found, own, sources)


def _imported(source: bytes, package: str) -> Iterator[str]:
    """Every module name that may be imported: `from a import b` names both a and a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            if base:
                yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
