"""HTML: one file that opens offline, with the verdict first and every number behind its figure.

Figures are matplotlib's, as inline SVG: 20 to 130 kB each where an interactive library takes megabytes, and the same
figure goes into a paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from harness.analysis import provenance, verdict
from harness.analysis.aggregation import summarise
from harness.analysis.summary import Summary, TaskSummary
from harness.analysis.wording import counted, runs_are
from harness.report import Results

from . import (
    _figures,
    _relation_figures,
    _run_tables,
    _settings,
    _speed,
    _speed_figures,
    _svg,
    _tables,
    _tuning,
)
from ._drawing import Drawn
from ._files import write as write_file
from ._learning import Learning, learning_curves
from ._page import render
from ._tables import Table


class _Figure(NamedTuple):
    title: str
    svg: Markup
    table: Table | None = None


@dataclass(frozen=True)
class _Section:
    """What the page shows of one task."""

    label: str
    headline: str
    further: Sequence[str]
    certainty: str
    sizes: str
    overview: Table
    exposure: Table
    accuracy: _Figure | None
    figures: Sequence[_Figure]
    pairs: Table
    groups: Sequence[Sequence[str]]
    cost: Table


def write(results: Results, folder: Path) -> list[Path]:
    """Writes the page."""
    return [write_file(results, folder, "html", page(results))]


def page(results: Results) -> str:
    """The page as text."""
    summary = summarise(results)
    learning = learning_curves(results.records)
    with _svg.page_style():
        drawn = {one.name: _inline(one) for one in _figures.figures(summary, learning)}
        speed = [_inline(one) for one in _speed_figures.figures(results.speeds)]
        relations = [_inline(one) for one in _relation_figures.figures(results)]
        tuning = [_inline(one) for one in _tuning.figures(results.searches)]
    return render(
        "report.html",
        title=provenance.title(summary),
        counted=_counted(results, summary),
        provenance=provenance.line(results.records),
        unfinished=_unfinished(results, summary),
        outdated=verdict.outdated(results),
        kernels=verdict.kernels(results),
        results=results,
        tasks=[_section(task, index, drawn, learning[task.label]) for index, task in enumerate(summary.tasks)],
        horizon=drawn.get("horizon-0"),
        axis=results.axis.replace("_", " "),
        relations=relations,
        questions=results.tasks,
        heat=_tables.horizons(summary),
        ranks=_tables.ranks(summary),
        failures=_run_tables.failures([*summary.failures, *summary.refusals]),
        notes=_run_tables.notes(results.records),
        missing=_run_tables.missing(results),
        budgets=_tuning.budgets(results.searches),
        chosen=_tuning.settings(results.searches),
        tuning=tuning,
        speeds=_speed.table(results.speeds),
        speed=speed,
        not_tuned=_tuning.NOT_TUNED,
        settings=_settings.settings(results.records),
        code=_settings.code(results.records),
        environment=_settings.environment(results.records),
        commands=_commands(results),
        references=sorted(results.references.items()),
    )


def _inline(drawn: Drawn) -> _Figure:
    return _Figure(drawn.title, Markup(_svg.inline(drawn)))


def _section(task: TaskSummary, index: int, drawn: dict[str, _Figure], learning: Learning) -> _Section:
    tables = {
        "accuracy": _tables.accuracy(task),
        "learning": _tables.learning(task, learning),
        "steps": _tables.steps(task),
        "generalisation": _tables.generalisation(task),
    }
    figures = {
        kind: drawn[f"{kind}-{index}"]._replace(table=table)
        for kind, table in tables.items()
        if f"{kind}-{index}" in drawn
    }
    shown = (verdict.mixture(task), verdict.certainty(task))  # the sizes stand in the section of the task
    further = [sentence for sentence in verdict.sentences(task)[1:] if sentence in shown]
    return _Section(
        task.label,
        verdict.headline(task),
        further,
        verdict.certainty(task),
        verdict.sizes(task),
        _tables.overview(task),
        _tables.exposure(task),
        figures.pop("accuracy", None),
        list(figures.values()),
        _tables.pairs(task),
        task.groups,
        _tables.cost(task),
    )


def _counted(results: Results, summary: Summary) -> str:
    """How much there is to go by."""
    seeds = max((task.seeds for task in summary.tasks), default=0)
    failed, refused = len(summary.failures), len(summary.refusals)
    said = f"Sweep {results.title}: " if results.title else ""
    said += f"{counted(len(results.records), 'run')}, {counted(seeds, 'seed')}"
    said += f", {failed} failed (counted as chance)" if failed else ""
    return said + (f", {refused} refused" if refused else "") + "."


def _unfinished(results: Results, summary: Summary) -> str:
    missing = sum(task.missing for task in summary.tasks) if not results.missing else len(results.missing)
    ended = sum(record.status != "interrupted" for record in results.records)
    return f"{runs_are(missing, missing + ended)} missing." if missing else ""


def _commands(results: Results) -> list[tuple[str, str]]:
    return [
        ("This sweep", results.command),
        ("This report again", results.report_command),
        ("Records", results.store),
    ]
