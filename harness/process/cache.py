"""Where what was read from large files is kept, so that other runs need not read them again: beside the store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "HARNESS_CACHE"  # worker processes inherit it
_NAME = "harness-cache"


@contextmanager
def kept_beside(store: Path | None) -> Iterator[None]:
    """Keeps it beside a store's file, or in the working folder, unless the variable HARNESS_CACHE names a folder."""
    if _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = str((store.parent if store else Path.cwd()) / _NAME)
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


def cache_folder() -> Path:
    """The folder, which is made; where that cannot be, one for temporary files."""
    folder = Path(os.environ.get(_VARIABLE) or _NAME).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"{_NAME}-"))
    return folder
