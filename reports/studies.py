"""The page of many studies: a row for each with its verdict, claimed beside measured for every expectation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.report import Results
from harness.study_record import StudyRecord

from . import _study_tables
from ._page import render
from .study import counted

STEM = "study-results"


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `study-results.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{STEM}.html"
    path.write_text(page(results), encoding="utf-8", newline="")
    return [path]


def page(results: Results) -> str:
    """The page as text."""
    records = [one.record for one in results.studies]
    return render(
        "studies.html",
        said=said(records),
        verdicts=_study_tables.verdicts(records),
        expectations=_study_tables.every_expectation(records),
        studies=[(record, counted(record)) for record in records],
        command=results.report_command,
    )


def said(records: list[StudyRecord]) -> str:
    """'20 studies: 9 reproduced, 6 partly, 3 not reproduced, 2 undecided; 212 CPU minutes.'"""
    counts = Counter(str(record.verdict) for record in records)
    verdicts = ("reproduced", "partly", "not reproduced", "undecided")
    parts = ", ".join(f"{counts[name]} {name}" for name in verdicts if counts[name])
    minutes = sum(record.cpu_seconds for record in records) / 60
    count = f"{len(records)} stud{'y' if len(records) == 1 else 'ies'}"
    return f"{count}: {parts}; {minutes:.0f} CPU minutes of training." if records else "No study was run yet."
