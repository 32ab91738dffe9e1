"""Which class of a module is the plugin meant, and what is said where none or several could be."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

Kind = Literal["architecture", "task", "report"]


def candidates(kind: Kind, module: ModuleType) -> dict[str, Any]:
    """The classes of a module that can be the plugin, by name."""
    return {name: value for name, value in vars(module).items() if _fits(kind, value, module)}


def _fits(kind: Kind, value: Any, module: ModuleType) -> bool:
    """Whether something defined in a loose file can be the plugin meant; `_Private` classes are helpers."""
    if not inspect.isclass(value) or value.__module__ != module.__name__ or inspect.isabstract(value):
        return False
    if value.__name__.startswith("_"):
        return False
    if kind == "task":
        return callable(getattr(value, "sample", None)) and callable(getattr(value, "chance", None))
    arguments = set(inspect.signature(value).parameters)
    return callable(getattr(value, "forward", None)) and {"input_size", "hidden_size"} <= arguments


def ambiguous_message(kind: Kind, module: ModuleType, origin: str, path: Path | None) -> str:
    """The message for a module that holds no plugin of a kind, or several."""
    found = sorted(candidates(kind, module))
    if not found:
        near = _near_misses(kind, module)
        needs = "methods sample and chance" if kind == "task" else "a constructor (input_size, hidden_size)"
        seen = f" There is {' and '.join(near)}." if near else ""
        return f"{origin} holds no {kind}: no class of its own with {needs}.{seen}"
    choices = " or ".join(f"{path.name}:{name}" for name in found if path)
    return f"{origin} holds {len(found)} {kind}s: {', '.join(found)}. Say which: {choices}"


def _near_misses(kind: Kind, module: ModuleType) -> list[str]:
    """The constructors of the file's own classes with a `forward`, such as 'MyCell(input_size)'."""
    own = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == module.__name__]
    modules = [cls for cls in own if kind == "architecture" and callable(getattr(cls, "forward", None))]
    return [f"{cls.__name__}({', '.join(inspect.signature(cls).parameters)})" for cls in modules]
