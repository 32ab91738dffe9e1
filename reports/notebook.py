"""What a notebook shows of results: the verdict and a table for each task, as a fragment of HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
from harness.report import Results

from . import _tables
from ._files import write as write_file
from ._tables import Table, TableCell


def write(results: Results, folder: Path) -> list[Path]:
    """Writes the fragment."""
    return [write_file(results, folder, "notebook.html", "\n".join(_lines(results)))]


def _lines(results: Results) -> Iterator[str]:
    summary = summarise(results)
    if not summary.tasks:
        yield "<p>There is no finished run to report on.</p>"
    for task in summary.tasks:
        headline, *further = verdict.sentences(task)
        yield f"<p><b>{escape(headline)}</b> {escape(' '.join(further))}</p>"
        yield from _table(_tables.overview(task))
    missing = len(results.missing) or sum(task.missing for task in summary.tasks)
    if missing:
        yield f"<p>{missing:,} runs are missing.</p>"
    if older := verdict.outdated(results):
        yield f"<p>{escape(older)}</p>"


def _table(table: Table) -> Iterator[str]:
    yield f"<table><caption>{escape(table.caption)}</caption>"
    yield f"<thead><tr>{''.join(f'<th>{escape(column)}</th>' for column in table.columns)}</tr></thead><tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(map(_cell, row))}</tr>"
    yield f"</tbody></table><p><small>{escape(table.note)}</small></p>"


def _cell(cell: TableCell) -> str:
    more = f" <small>{escape(cell.more)}</small>" if cell.more else ""
    return f"<td>{escape(cell.text)}{more}</td>"
