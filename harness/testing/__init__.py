"""Conformance suites for plugins, ours and yours: subclass one in a test file and override its one fixture."""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "ArchitectureContract": "architectures",
    "check_architecture": "architectures",
    "TaskContract": "tasks",
    "check_task": "tasks",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'harness.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"harness.testing.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
