"""What a notebook shows of a sweep, of searches or of inspections: verdict, tables, first figures; as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
from harness.analysis.inspections import summarise_inspections
from harness.analysis.wording import runs_are
from harness.report import Results
from harness.study_record import StudyRecord

from . import _figures, _inspection_figures, _study_figures, _study_tables, _svg, _tables, _tuning
from ._drawing import Drawn
from ._files import write as write_file
from ._tables import Table, TableCell

_WIDTH = {"accuracy": 620, "gradient-by-lag": 760, "decoded": 760, "tuning-expected": 620}
"""Figures that are shown, and how wide, in pixels; `results.figure` draws the others."""


def write(results: Results, folder: Path) -> list[Path]:
    """Writes the fragment."""
    with _svg.page_style():
        text = "\n".join(_lines(results))
    return [write_file(results, folder, "notebook.html", text)]


def _lines(results: Results) -> Iterator[str]:
    if results.inspections:
        yield from _inspections(results)
    elif results.studies:
        for one in results.studies:
            yield from _study(one.record)
    elif results.searches and not results.records:
        yield from _searches(results)
    else:
        yield from _runs(results)


def _runs(results: Results) -> Iterator[str]:
    summary = summarise(results)
    if not summary.tasks:
        yield "<p>There is no finished run to report on.</p>"
    drawn = {one.task: one for one in _figures.accuracies(summary)}
    for task in summary.tasks:
        headline, *further = verdict.sentences(task)
        yield f"<p><b>{escape(headline)}</b> {escape(' '.join(further))}</p>"
        yield from _table(_tables.overview(task))
        if task.label in drawn:
            yield _figure(drawn[task.label])
    missing = len(results.missing) or sum(task.missing for task in summary.tasks)
    if missing:
        yield f"<p>{runs_are(missing)} missing.</p>"
    if older := verdict.outdated(results):
        yield f"<p>{escape(older)}</p>"
    if unlike := verdict.kernels(results):
        yield f"<p>{escape(unlike)}</p>"


def _inspections(results: Results) -> Iterator[str]:
    summary = summarise_inspections(results.inspections)
    for sentence in summary.comparisons:
        yield f"<p><b>{escape(sentence)}</b></p>"
    for one in summary.architectures:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in one.sentences)
        yield f"<p><b>{escape(one.label)}</b></p><ul>{items}</ul>"
    for drawn in _inspection_figures.figures(summary, results.inspections):
        if drawn.kind in _WIDTH:
            yield _figure(drawn)


def _study(record: StudyRecord) -> Iterator[str]:
    yield f"<p><b>{escape(record.question)} {escape(record.verdict.capitalize())}.</b></p>"
    if record.missing:
        yield f"<p>{runs_are(record.missing)} missing, and until they are there nothing is decided.</p>"
    yield from _table(_study_tables.expectations(record))
    for drawn in _study_figures.figures(record):
        yield _figure(drawn)
    yield f"<p>{escape(' '.join(record.history))}</p>"


def _searches(results: Results) -> Iterator[str]:
    yield from _table(_tuning.budgets(results.searches))
    yield from _table(_tuning.settings(results.searches))
    for drawn in _tuning.figures(results.searches):
        if drawn.kind in _WIDTH:
            yield _figure(drawn)


def _figure(drawn: Drawn) -> str:
    return f'<div style="max-width: {_WIDTH.get(drawn.kind, 620)}px">{_svg.inline(drawn)}</div>'


def _table(table: Table) -> Iterator[str]:
    yield f"<table><caption>{escape(table.caption)}</caption>"
    yield f"<thead><tr>{''.join(f'<th>{escape(column)}</th>' for column in table.columns)}</tr></thead><tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(map(_cell, row))}</tr>"
    yield f"</tbody></table><p><small>{escape(table.note)}</small></p>"


def _cell(cell: TableCell) -> str:
    more = f" <small>{escape(cell.more)}</small>" if cell.more else ""
    return f"<td>{escape(cell.text)}{more}</td>"
