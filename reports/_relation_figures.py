"""Accuracy against another axis than the length: a figure for each task, a panel for each length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from harness.analysis.axis import Relation, relations
from harness.analysis.colours import CHANCE
from harness.analysis.summary import LengthSummary
from harness.report import Results

from . import _words as words
from ._axes import DASHED, DOTTED, is_geometric, legend, legend_height
from ._drawing import MOST, WIDTH, Drawn, LineStyle, line_styles


def figures(results: Results) -> Iterator[Drawn]:
    """None without an axis; call within a style."""
    if not results.axis:
        return
    found = relations(results, results.axis)
    styles = line_styles(label for relation in found for label in relation.lines)
    for index, task in enumerate(dict.fromkeys(relation.task for relation in found)):
        yield _of_task(results.axis, index, [relation for relation in found if relation.task == task], styles)


def _of_task(axis: str, index: int, found: Sequence[Relation], styles: dict[str, LineStyle]) -> Drawn:
    task, name = found[0].task, axis.replace("_", " ")
    alt = f"Test accuracy on {task} against {name}, for {', '.join(dict.fromkeys(x for r in found for x in r.lines))}."
    drawn = Drawn(f"accuracy-by-{axis}", task, f"{task}: accuracy by {name}", alt, index)
    columns, rows = min(3, len(found)), math.ceil(len(found) / 3)
    lines = len({label for relation in found for label in relation.lines})
    drawn.figure.set_size_inches(WIDTH, 0.4 + (1.7 if columns > 1 else 2.6) * rows + legend_height(lines + 2))
    panels = drawn.figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in panels.flat[len(found) :]:
        axes.remove()
    for axes, relation in zip(panels.flat, found, strict=False):
        _panel(axes, drawn, relation, styles)
    drawn.figure.supxlabel(name, fontsize=9)
    drawn.figure.supylabel("test accuracy", fontsize=9)
    legend(drawn.figure, panels.flat[0])
    return drawn


def _panel(axes: Axes, drawn: Drawn, relation: Relation, styles: dict[str, LineStyle]) -> None:
    axes.set_ylim(-0.02, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.axhline(relation.solved_at, color=CHANCE, linewidth=1, linestyle=DASHED, label="solved")
    axes.axhline(relation.chance, color=CHANCE, linewidth=1, linestyle=DOTTED, label="chance")
    values = sorted({value for points in relation.lines.values() for value in points})
    if values[0] > 0 and is_geometric(values):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(StrMethodFormatter(""))
    for label, points in list(relation.lines.items())[:MOST]:
        _line(axes, drawn, label, points, styles[label])
    axes.set_title(f"T={relation.length}", fontsize=8)


def _line(axes: Axes, drawn: Drawn, label: str, points: dict[float, LengthSummary], style: LineStyle) -> None:
    axes.plot(list(points), [at.mean for at in points.values()], color=style.color, linestyle=style.dash, label=label)
    for value, at in points.items():
        spread = at.interval or at.range
        if spread:
            axes.plot([value] * 2, spread, color=style.color, linewidth=3, alpha=0.25)
        said = f"{label}, {value:g}: {words.percent(at.mean)} {words.percents(at.interval, at.range)}"
        mark = drawn.mark(f"{said}, {words.solving(at)} seeds solve it")
        axes.plot([value], [at.mean], marker=style.marker, markersize=4.5, color=style.color, gid=mark)
