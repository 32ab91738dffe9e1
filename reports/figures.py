"""Figures for a paper: all of the page as SVG and as PDF, the same bytes each time; or one of them, to change."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from harness.analysis.aggregation import summarise
from harness.analysis.inspections import summarise_inspections
from harness.errors import UsageError, did_you_mean
from harness.report import Results

from . import _figures, _inspection_figures, _relation_figures, _speed_figures, _study_figures, _svg, _tuning
from ._drawing import Drawn, Figure
from ._learning import learning_curves


class FigureReport:
    """Writes all figures of results, or draws one."""

    def __call__(self, results: Results, folder: Path) -> list[Path]:
        """Writes `horizon.svg`, `horizon.pdf`, `copy-accuracy.svg` and so on."""
        folder.mkdir(parents=True, exist_ok=True)
        with _svg.style():
            return [path for one in _drawn(results) for path in _svg.save(one, folder)]

    def draw(self, results: Results, kind: str, task: str | None = None) -> Figure:
        """One figure by its kind, such as 'accuracy', which may be changed before it is saved.

        `task`: its label or its name, where the figure is drawn for several. UsageError where there is none.
        """
        with _svg.style():
            drawn = list(_drawn(results))
        of_kind = [one for one in drawn if one.kind == kind]
        if not of_kind:
            raise UsageError(did_you_mean("figure in these results", kind, {one.kind for one in drawn}))
        wanted = [one for one in of_kind if one.task == task]
        wanted = wanted or [one for one in of_kind if task in (None, one.task.partition(" ")[0])]
        if not wanted:
            raise UsageError(did_you_mean(f"figure {kind!r} of the task", task or "", {one.task for one in of_kind}))
        if len(wanted) > 1:
            labels = ", ".join(repr(one.task) for one in wanted)
            raise UsageError(f"The figure {kind!r} is drawn for several tasks: task= takes one of {labels}.")
        wanted[0].figure.set_facecolor("white")  # a notebook may be dark, and the ink is black
        return wanted[0].figure


write = FigureReport()


def _drawn(results: Results) -> Iterator[Drawn]:
    """All figures, one at a time; call within a style."""
    drawn = _figures.figures(summarise(results), learning_curves(results.records)) if results.records else iter(())
    beside = chain(
        _relation_figures.figures(results),
        _speed_figures.figures(results.speeds),
        _tuning.figures(results.searches),
        _inspections(results),
    )
    studies = chain.from_iterable(_study_figures.figures(one.record) for one in results.studies)
    return chain(drawn, beside, studies)


def _inspections(results: Results) -> Iterator[Drawn]:
    if results.inspections:
        yield from _inspection_figures.figures(summarise_inspections(results.inspections), results.inspections)
