"""Finds, reads and fingerprints the source of modules without importing them."""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef)
_Locate = Callable[[str], Path | None]


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
def fingerprint(module: str, path: Path, loose: bool = False) -> str:
    """A digest of a module's code and of all it imports, however deeply, from its own package or, loose, folder.

    Comments, docstrings and layout are no part of it: they change no result.
    """
    digest = hashlib.sha256()
    for name, file in sorted(own_modules(module, path, loose).items()):
        digest.update(f"{name}\0{code_of(file)}\0".encode())
    return digest.hexdigest()[:16]


def code_of(file: Path) -> str:
    """The code of a file in one layout, without comments and docstrings; a SyntaxError if it is not Python."""
    return _read(file).code


class _Source(NamedTuple):
    """What a fingerprint needs of a file."""

    code: str  # in one layout, without comments and docstrings
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]  # dots, module, names; no names for a plain `import`


def _read(file: Path) -> _Source:
    known = file.stat()
    return _parsed(file, known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=1024)
def _parsed(file: Path, changed: int, size: int) -> _Source:
    """Cached as long as the file is the same: plugins share what they import, and parsing it takes most of the time."""
    tree = ast.parse(file.read_bytes())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    imports: list[tuple[int, str, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return _Source(ast.unparse(tree), tuple(imports))


def own_modules(module: str, path: Path, loose: bool = False) -> dict[str, Path]:
    """The files a plugin is made of, by module name: its own, and those it imports from its package or folder."""
    found: dict[str, Path] = {}
    _collect(module, path, _beside(path.parent) if loose else _of_package(module.split(".")[0]), found)
    return found


def constructor_arguments(path: Path, attribute: str) -> set[str] | None:
    """The arguments of a class or function of a file, of all its classes where `attribute` is ''; by its source alone.

    None where the source does not tell them: arguments are inherited from another file, passed on, or made.
    """
    body = {node.name: node for node in ast.parse(path.read_bytes()).body if isinstance(node, _DEFINITIONS)}
    classes = [name for name, node in body.items() if isinstance(node, ast.ClassDef)]
    found = [_arguments(body.get(name), body) for name in ([attribute] if attribute else classes)]
    told = [arguments for arguments in found if arguments is not None]
    return set().union(*told) if told and len(told) == len(found) else None


def _arguments(node: ast.AST | None, body: dict[str, Any]) -> set[str] | None:
    if isinstance(node, ast.FunctionDef):
        named = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        return named if node.args.kwarg is None else None
    if not isinstance(node, ast.ClassDef) or node.decorator_list:
        return None
    own = [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]
    if own or not node.bases:
        return _arguments(own[0], body) if own else set()
    base = node.bases[0]
    return _arguments(body.get(base.id), body) if isinstance(base, ast.Name) and len(node.bases) == 1 else None


def _find_spec(name: str, search: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        spec = importlib.machinery.ModuleSpec(name, None, origin=getattr(loaded, "__file__", None))
        spec.submodule_search_locations = list(getattr(loaded, "__path__", []))
        return spec
    found = (finder.find_spec(name, search, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _of_package(top: str) -> _Locate:
    """Finds modules of one top-level package only: what lies beside it in site-packages is other people's."""
    return lambda module: locate(module) if module.split(".")[0] == top else None


def _beside(folder: Path) -> _Locate:
    """Finds modules in the folder of a loose file, but none that the standard library, torch or the harness hides."""

    def find(module: str) -> Path | None:
        if module.split(".")[0] in {*sys.stdlib_module_names, "harness", "torch"}:
            return None
        beside = folder.joinpath(*module.split("."))
        candidates = (beside / "__init__.py", beside.with_name(f"{beside.name}.py"))
        return next((candidate for candidate in candidates if candidate.is_file()), None)

    return find


def _collect(module: str, path: Path, own: _Locate, found: dict[str, Path]) -> None:
    found[module] = path
    is_package = path.name == "__init__.py"
    for name in _imported(_read(path), module if is_package else module.rpartition(".")[0]):
        if name not in found and (file := own(name)):
            _collect(name, file, own, found)


def _imported(source: _Source, package: str) -> Iterator[str]:
    """Every module name that may be imported: `from a import b` names both a and a.b."""
    for level, module, names in source.imports:
        base = module
        if level:
            kept = package.split(".")[: len(package.split(".")) - level + 1]
            base = ".".join([*kept, *([module] if module else [])])
        if base:
            yield base
        yield from (f"{base}.{name}".lstrip(".") for name in names)
