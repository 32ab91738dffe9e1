"""Markdown: the verdict and a table a task, short enough to paste into an issue or a README."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.analysis import provenance, verdict
from harness.analysis.aggregation import summarise
from harness.analysis.provenance import title
from harness.analysis.summary import Summary
from harness.analysis.wording import runs_are
from harness.report import Results

from . import _run_tables, _speed, _tables, _tuning
from ._files import write as write_file
from ._tables import Table, TableCell


def write(results: Results, folder: Path) -> list[Path]:
    """Writes verdicts, tables and failures."""
    text = "\n".join(_lines(results, summarise(results)))
    return [write_file(results, folder, "md", text)]


def _lines(results: Results, summary: Summary) -> Iterator[str]:
    yield f"# {escaped(title(summary))}\n"
    told = [f"Sweep {results.title}." if results.title else "", provenance.line(results.records)]
    yield f"{escaped(' '.join(filter(None, told)))}\n"
    if not summary.tasks:
        yield "There is no finished run to report on.\n"
    for task in summary.tasks:
        headline, *further = verdict.sentences(task)
        yield f"- **{escaped(headline)}** {escaped(' '.join(further))}".rstrip()
    missing = len(results.missing) or sum(task.missing for task in summary.tasks)
    if missing:
        rest = f" The rest: `{code(results.command)}`" if results.command else ""
        yield f"\n**Not finished:** {runs_are(missing)} missing.{rest}"
    if older := verdict.outdated(results):
        yield f"\n**Older code:** {escaped(older)}"
    for task in summary.tasks:
        yield from table_lines(_tables.overview(task))
        if task.is_written:
            yield from table_lines(_tables.exposure(task))
    if len(summary.tasks) > 1:
        yield from table_lines(_tables.horizons(summary))
    failures = _run_tables.failures([*summary.failures, *summary.refusals])
    if failures.rows:
        yield from table_lines(failures)
    if results.speeds:
        yield from table_lines(_speed.table(results.speeds))
    if results.searches:
        yield from table_lines(_tuning.budgets(results.searches))
        yield from table_lines(_tuning.settings(results.searches))
    elif summary.tasks:
        yield f"\n{_tuning.NOT_TUNED}"
    if unlike := verdict.kernels(results):
        yield f"\n{escaped(unlike)}"
    if results.report_command:
        yield f"\nMade by `{code(results.report_command)}`."
    yield ""


def table_lines(table: Table) -> Iterator[str]:
    yield f"\n### {escaped(table.caption)}\n"
    yield row(map(escaped, table.columns))
    yield row("---:" if numeric else "---" for numeric in table.numeric)
    yield from (row(map(_cell, cells)) for cells in table.rows)
    if table.note:
        yield f"\n{escaped(table.note)}"


def row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: TableCell) -> str:
    return escaped(f"{cell.text} {cell.more}".strip())


def escaped(text: str) -> str:
    """The text as it is, whatever Markdown or HTML would make of it.

    Not every Markdown takes a backslash before < and &: these are entities.
    """
    entities = re.sub(r"&(?=#?\w+;)", "&amp;", " ".join(text.split())).replace("<", "&lt;")
    return re.sub(r"[\\`*>|#~](?!\d+;)|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", entities)


def code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())
