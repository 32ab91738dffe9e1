"""Figures in which every seed is a dot: how far each remembers, and accuracy where there is one length only."""

from __future__ import annotations

from matplotlib.axes import Axes

from harness.analysis.summary import ArchitectureSummary, Summary, TaskSummary

from . import _words as words
from ._axes import accuracy_axis, legend, place_lengths
from ._drawing import MOST, ROW, WIDTH, Drawn, LineStyle, Shown, new_figure, styles_of

_SPREAD = 0.5  # of a row, over which the seeds of one architecture are spread


def horizons(summary: Summary) -> Drawn:
    """The longest length that each seed solves, a dot for each; a bar at the length that the median seed solves."""
    tasks = [task for task in summary.tasks if task.ran]
    drawn = Drawn("horizon", "", "Horizon: the longest length solved", _horizon_alt(summary))
    names = [name for task in tasks for name in (task.label, *(one.label for one in task.ran[:MOST]))]
    drawn.figure.set_size_inches(WIDTH, 0.75 + ROW * len(names))
    axes = drawn.figure.add_subplot()
    left = place_lengths(axes, sorted({length for task in tasks for length in task.lengths}), zero=True)
    styles = styles_of(summary)
    y, heads = 0, []
    for task in tasks:
        heads.append(y)
        for row, one in enumerate(task.ran[:MOST], y + 1):
            _horizon(axes, drawn, one, row, left, styles[one.label])
        y += 1 + len(task.ran[:MOST])
    axes.set_yticks(range(len(names)), names)
    for row, text in enumerate(axes.get_yticklabels()):
        text.set_fontweight("bold" if row in heads else "normal")
    axes.set_ylim(len(names) - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    several = any(len(one.horizons) > 1 for task in tasks for one in task.ran)
    says = "longest length solved: bar by the median seed, dots by each seed" if several else "longest length solved"
    drawn.figure.supxlabel(says, fontsize=9)
    return drawn


def seeds_at_one_length(task: TaskSummary, index: int, drawn: Shown) -> Drawn:
    """Accuracy at the only length: a dot for each seed, a bar at the mean, architectures side by side."""
    length = task.lengths[0]
    alt = ", ".join(f"{one.label} {words.percent(one.lengths[length].mean)}" for one, _ in drawn)
    figure = new_figure(
        task, index, "accuracy", f"accuracy at T={length}", f"Test accuracy on {task.label} at T={length}: {alt}."
    )
    figure.figure.set_size_inches(WIDTH, 3.0)
    axes = figure.figure.add_subplot()
    accuracy_axis(axes, task, (length, length))
    for place, (one, style) in enumerate(drawn):
        at = one.lengths[length]
        mark = figure.mark(f"{one.label}: mean {words.percent(at.mean)} {words.percents(at.interval, at.range)}")
        axes.plot([place - 0.25, place + 0.25], [at.mean] * 2, color=style.color, linewidth=2.5, gid=mark)
        for offset, (seed, accuracy) in zip(_offsets(len(at.finished)), at.finished.items(), strict=True):
            said = f"{one.label}, seed {seed}: {words.percent(accuracy)}, harness show {at.runs[seed]}"
            axes.plot(
                [place + offset], [accuracy], style.marker, color=style.color, markersize=4.5, gid=figure.mark(said)
            )
    axes.set_xlim(-0.6, len(drawn) - 0.4)
    crowded = len(drawn) > 5
    axes.set_xticks(
        range(len(drawn)),
        [one.label for one, _ in drawn],
        rotation=30 if crowded else 0,
        ha="right" if crowded else "center",
    )
    axes.set_ylabel("test accuracy")
    legend(figure.figure, axes)
    return figure


def _horizon(axes: Axes, drawn: Drawn, one: ArchitectureSummary, y: int, none: float, style: LineStyle) -> None:
    said = f"T={one.horizon}" if one.horizon else "no length"
    mark = drawn.mark(f"{one.label}: the median seed solves {said}; {words.horizon_of_seeds(one)}".removesuffix("; "))
    place = one.horizon or none
    axes.plot([place, place], [y - 0.38, y + 0.38], color=style.color, linewidth=3, gid=mark, solid_capstyle="butt")
    for offset, (seed, reached) in zip(_offsets(len(one.horizons)), one.horizons.items(), strict=True):
        said = f"{one.label}, seed {seed}: {f'T={reached}' if reached else 'no length'}"
        axes.plot(
            [reached or none], [y + offset], "o", color=style.color, markersize=3.5, alpha=0.75, gid=drawn.mark(said)
        )


def _offsets(count: int) -> list[float]:
    """Where each of several seeds is drawn within the width of a row: evenly spread around 0."""
    return [_SPREAD * ((index + 0.5) / count - 0.5) for index in range(count)]


def _horizon_alt(summary: Summary) -> str:
    parts = [
        f"{task.label}: " + ", ".join(f"{one.label} {words.horizon(one)}" for one in task.architectures)
        for task in summary.tasks
    ]
    return f"The longest length that each architecture solves. {'. '.join(parts)}."
