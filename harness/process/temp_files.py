"""Temporary files whose names say which process made them, so that a later command can remove those of a killed one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

_NAME = re.compile(r"harness-[a-z]+-(\d+)-")


def temp_prefix(kind: str) -> str:
    """The beginning of the name of a temporary file or folder of this process; `kind` is in lower-case letters."""
    return f"harness-{kind}-{os.getpid()}-"


def remove_leftovers() -> int:
    """Removes what processes of this user left in the folder for temporary files when they were killed; how much."""
    removed = 0
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob("harness-*"):
            with contextlib.suppress(OSError):  # another command may remove it at the same moment
                if _is_leftover(path):
                    _remove(path)
                    removed += 1
    return removed


def _is_leftover(path: Path) -> bool:
    name = _NAME.match(path.name)
    if not name or path.lstat().st_uid != os.getuid():
        return False
    try:
        os.kill(int(name[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
