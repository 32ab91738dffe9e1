"""Where the files of a report go."""

from __future__ import annotations

from pathlib import Path

from harness.names import file_name
from harness.report import Results


def write(results: Results, folder: Path, suffix: str, content: str) -> Path:
    """Writes `report-<sweep>.<suffix>` in UTF-8; an OSError where the folder cannot be written to."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem(results)}.{suffix}"
    path.write_text(content, encoding="utf-8", newline="")
    return path


def stem(results: Results) -> str:
    """The name of the files without what follows the dot."""
    return file_name(f"report-{results.title}")
