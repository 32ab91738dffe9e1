"""Data files that other packages bring: found without importing the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_EXTRA = "pip install 'rnn-harness[data]'"


def file_of(package: str, *places: str) -> Path:
    """A data file inside an installed package; ValueError, with the line that installs it, where it is missing."""
    spec = find_spec(package)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    path = folder.joinpath(*places) if folder else None
    if path is None or not path.is_file():
        raise ValueError(f"needs the package {package}: {_EXTRA}")
    return path
