"""Tally: one line for each architecture and task, how many runs ended how."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.report import Results


def write(results: Results, folder: Path) -> list[Path]:
    counts = Counter((record.spec.task_label, record.spec.label, record.status) for record in results.records)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tally.txt"
    path.write_text("".join(f"{' '.join(key)} {count}\n" for key, count in sorted(counts.items())))
    return [path]
