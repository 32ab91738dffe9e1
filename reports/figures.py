"""Figures for a paper: every figure of the page as SVG and as PDF, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from harness.analysis.aggregation import summarise
from harness.analysis.inspections import summarise_inspections
from harness.report import Results

from . import _figures, _inspection_figures, _relation_figures, _speed_figures, _svg, _tuning
from ._drawing import Drawn
from ._learning import learning_curves


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `horizon.svg`, `horizon.pdf`, `copy-accuracy.svg` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    with _svg.style():
        drawn = _figures.figures(summarise(results), learning_curves(results.records))
        beside = chain(
            _relation_figures.figures(results),
            _speed_figures.figures(results.speeds),
            _tuning.figures(results.searches),
            _inspections(results),
        )
        return [path for one in chain(drawn, beside) for path in _svg.save(one, folder)]


def _inspections(results: Results) -> Iterator[Drawn]:
    if results.inspections:
        yield from _inspection_figures.figures(summarise_inspections(results.inspections), results.inspections)
