"""One row of Markdown for each study: what is kept beside a study's results, and what the overview is made of."""

from __future__ import annotations

from pathlib import Path

from harness.names import file_name
from harness.report import Results
from harness.study_record import StudyRecord

from . import _study_tables
from .markdown import escaped, row

COLUMNS = ("study", "claimed", "measured", "verdict", "seeds", "CPU minutes")


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `<name>.md` for each study: a line that a table takes in."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for one in results.studies:
        path = folder / f"{file_name(one.record.name)}.md"
        path.write_text(study_row(one.record) + "\n", encoding="utf-8", newline="")
        paths.append(path)
    return paths


def study_row(record: StudyRecord) -> str:
    """Question, claimed beside measured, verdict, seeds, cost: '| ... |'."""
    claimed = "<br>".join(f"{n}. {escaped(one.says)}" for n, one in enumerate(record.findings, start=1))
    measured = "<br>".join(
        f"{n}. {escaped(one.measured or '-')}: {one.verdict}" for n, one in enumerate(record.findings, start=1)
    )
    name = f"**{escaped(record.name)}**<br>{escaped(record.question)}"
    minutes = _study_tables.minutes(record).text
    return row(iter((name, claimed, measured, record.verdict, str(record.seeds), minutes)))
