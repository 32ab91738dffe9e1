"""Studies as Markdown: a row for each, and under it where each comes from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.report import Results
from harness.study_record import StudyRecord

from ._study_tables import COST
from .markdown import code, escaped, row
from .studies import STEM, said
from .study import counted
from .study_row import COLUMNS, study_row


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `study-results.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{STEM}.md"
    path.write_text("\n".join(_lines(results)), encoding="utf-8", newline="")
    return [path]


def _lines(results: Results) -> Iterator[str]:
    records = [one.record for one in results.studies]
    yield "# Studies: what was claimed, and what was measured\n"
    yield f"{said(records)}\n"
    yield f"{COST}\n"
    yield row(iter(COLUMNS))
    yield row(iter(["---"] * 4 + ["---:"] * 2))
    yield from map(study_row, records)
    for record in records:
        yield from _study(record)
    if results.report_command:
        yield f"\nMade by `{code(results.report_command)}`.\n"


def _study(record: StudyRecord) -> Iterator[str]:
    yield f"\n## {escaped(record.name)}\n"
    yield f"{escaped(record.question)} **{record.verdict}**\n"
    yield f"{record.kind}: {escaped(record.source)}. {escaped(counted(record))}\n"
    if record.printed_is:
        yield f"- Printed numbers are: {escaped(record.printed_is)}."
    yield from (f"- Differs from the source: {escaped(sentence)}" for sentence in record.deviations)
    for finding in record.findings:
        yield f"- {escaped(finding.says)} {finding.verdict}: {escaped(finding.reason)}."
    yield from (f"- {escaped(sentence)}" for sentence in record.history)
    yield f"- Again: `{code(record.command)}`"
