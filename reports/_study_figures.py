"""A figure for each expectation of a study: every seed a dot, what was claimed as a line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from harness.analysis.colours import CHANCE
from harness.study_record import Finding, Side, StudyRecord

from ._axes import DASHED
from ._drawing import ROW, WIDTH, Drawn, LineStyle, line_styles

_SPREAD = 0.5  # of a row, over which the seeds of one side are spread
_WIDE = 30.0  # ratio of the largest to the smallest value from which on the axis is logarithmic


def figures(record: StudyRecord) -> Iterator[Drawn]:
    """None for an expectation without data; call within a style."""
    styles = line_styles(side.name for finding in record.findings for side in finding.sides)
    for number, finding in enumerate(record.findings, start=1):
        if any(side.values for side in finding.sides):
            yield _of_finding(number, finding, styles)


def _of_finding(number: int, finding: Finding, styles: dict[str, LineStyle]) -> Drawn:
    alt = f"{finding.says} {finding.measured or 'No data'}: {finding.verdict}."
    drawn = Drawn(f"finding-{number}", "", f"{number}. {finding.verdict}: {finding.says}", alt)
    drawn.figure.set_size_inches(WIDTH, 0.6 + 1.8 * ROW * len(finding.sides))
    axes = drawn.figure.add_subplot()
    for y, side in enumerate(finding.sides):
        _side(axes, drawn, y, side, finding, styles[side.name])
    for bound in finding.bounds:
        if bound is not None:
            axes.axvline(bound, color=CHANCE, linewidth=1, linestyle=DASHED)
    _scale(axes, [value for side in finding.sides for value in side.values])
    axes.set_yticks(range(len(finding.sides)), [side.name for side in finding.sides])
    axes.set_ylim(len(finding.sides) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(finding.metric)
    return drawn


def _side(axes: Axes, drawn: Drawn, y: int, side: Side, finding: Finding, style: LineStyle) -> None:
    finite = [value for value in side.values if math.isfinite(value)]
    if finite:
        middle = median(finite)
        mark = drawn.mark(f"{side.name}: median {finding.form.format(middle)}")
        axes.plot([middle] * 2, [y - 0.38, y + 0.38], color=style.color, linewidth=2.5, gid=mark)
    step = _SPREAD / max(len(side.values) - 1, 1)
    for place, (seed, value) in enumerate(zip(side.seeds, side.values, strict=True)):
        if math.isfinite(value):
            mark = drawn.mark(f"{side.name}, seed {seed}: {finding.form.format(value)}")
            offset = place * step - _SPREAD / 2 * (len(side.values) > 1)
            axes.plot([value], [y + offset], style.marker, color=style.color, markersize=4, alpha=0.75, gid=mark)


def _scale(axes: Axes, values: list[float]) -> None:
    known = [value for value in values if math.isfinite(value)]
    if known and min(known) > 0 and max(known) > _WIDE * min(known):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
