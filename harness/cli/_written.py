"""Writing a report's files, for every verb that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.discovery.registry import Plugin
    from harness.report import Results


def written(plugin: Plugin, results: Results, folder: Path) -> Sequence[Path]:
    """Runs one report; a folder that cannot be written to is a HarnessError."""
    try:
        return list(plugin.load()(results, folder))
    except OSError as error:
        where = f"{error.filename or folder} cannot be written ({error.strerror})"
        raise HarnessError(f"{plugin.name}: {where}: --out and --figures take another folder.") from None
