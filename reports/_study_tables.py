"""The tables of studies, whatever they are written as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.study_record import Finding, StudyRecord

from . import _words as words
from ._tables import Table, TableCell

COST = "CPU minutes: the wall time of training, one thread a run, over all runs; on a busy machine it is longer."


def verdicts(records: Sequence[StudyRecord]) -> Table:
    """A row for each study."""
    rows = [
        [
            TableCell(one.name),
            TableCell(one.question),
            TableCell(one.verdict),
            TableCell(confirmed(one)),
            TableCell(one.kind),
            TableCell(f"{one.seeds}", one.seeds),
            minutes(one),
        ]
        for one in records
    ]
    columns = ("study", "question", "verdict", "confirmed", "kind", "seeds", "CPU minutes")
    note = f"Confirmed: of the study's expectations. {COST}"
    return Table("Verdicts", columns, rows, note=note)


def every_expectation(records: Sequence[StudyRecord]) -> Table:
    """A row for each expectation of each study: claimed beside measured."""
    rows = [[TableCell(one.name), *_finding(finding)] for one in records for finding in one.findings]
    return Table("Every expectation", ("study", *_COLUMNS), rows, 2, _NOTE)


def expectations(record: StudyRecord) -> Table:
    """A row for each expectation of one study."""
    return Table("Expectations", _COLUMNS, [_finding(finding) for finding in record.findings], 1, _NOTE)


def minutes(record: StudyRecord) -> TableCell:
    spent = record.cpu_seconds / 60
    return TableCell(f"{spent:.0f}" if spent >= 10 else f"{spent:.1f}", spent)


def confirmed(record: StudyRecord) -> str:
    """'2 of 3'."""
    return f"{Counter(one.verdict for one in record.findings)['confirmed']} of {len(record.findings)}"


_COLUMNS = ("expectation", "claimed", "measured", "verdict", "evidence", "seeds")
_NOTE = (
    "Differences: mean over seeds with its 95% interval (Student's t; the range below 4 seeds), tested by a one-sided "
    "sign-flip permutation test. Values: median with its 95% interval (the range below 6 seeds), tested by counting "
    "seeds. All p-values are corrected over the study's expectations (Holm)."
)


def _finding(finding: Finding) -> list[TableCell]:
    return [
        TableCell(finding.says),
        TableCell(finding.claimed),
        TableCell(finding.measured or words.UNKNOWN),
        TableCell(finding.verdict),
        TableCell(finding.reason),
        TableCell(f"{finding.seeds}", finding.seeds),
    ]
