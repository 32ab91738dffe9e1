"""Conformance suites for plugins: subclass one in a test file and override its one fixture."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the names of _PUBLIC for editors and type checkers; a test compares the two
    from harness.testing.architectures import ArchitectureContract as ArchitectureContract
    from harness.testing.architectures import check_architecture as check_architecture
    from harness.testing.tasks import TaskContract as TaskContract
    from harness.testing.tasks import check_task as check_task

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
