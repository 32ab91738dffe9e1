"""MLflow without pandas: for commands that only read records, in a process of their own."""

from __future__ import annotations

import importlib
import sys

_NOT_NEEDED = ("pandas", "pyarrow")  # MLflow logs tables with these, and does without them where they are not installed


def import_mlflow() -> None:
    """Imports MLflow as where pandas is not installed, which takes a fifth less time.

    Only this import goes without it: what is imported later may use pandas. MLflow itself stays without its functions
    for tables, so this is not for a process in which other people's code runs.
    """
    if "mlflow" in sys.modules:
        return
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system then raises ModuleNotFoundError
    try:
        importlib.import_module("harness.tracking.connect")
    finally:
        for name in hidden:
            del sys.modules[name]
