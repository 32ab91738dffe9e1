"""The figures of a sweep, each made once: drawn into the page, and written as SVG and PDF for a paper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from harness.analysis.colours import CHANCE
from harness.analysis.summary import ArchitectureSummary, LengthSummary, Summary, TaskSummary

from . import _words as words
from ._axes import DOTTED, accuracy_axis, legend, legend_height, place_lengths
from ._drawing import WIDTH, Drawn, LineStyle, Shown, new_figure, shown, side_by_side, styles_of
from ._learning import Learning
from ._seed_figures import horizons, seeds_at_one_length

_FEW_POINTS = 15  # of a learning curve: so few are marked
_SEED = "#6b7078"


def figures(summary: Summary, learning: Mapping[str, Learning]) -> Iterator[Drawn]:
    """All figures of a report that have something to show, one at a time."""
    if any(len(task.lengths) > 1 and task.ran for task in summary.tasks):
        yield horizons(summary)
    styles = styles_of(summary)
    for index, task in enumerate(summary.tasks):
        drawn = shown(task, styles)
        if drawn:
            yield from _of_task(task, index, drawn, learning[task.label])


def accuracies(summary: Summary) -> Iterator[Drawn]:
    """The first figure of each task only: accuracy."""
    styles = styles_of(summary)
    for index, task in enumerate(summary.tasks):
        if drawn := shown(task, styles):
            yield _accuracy(task, index, drawn)


def _accuracy(task: TaskSummary, index: int, drawn: Shown) -> Drawn:
    return accuracy(task, index, drawn) if len(task.lengths) > 1 else seeds_at_one_length(task, index, drawn)


def _of_task(task: TaskSummary, index: int, drawn: Shown, learning: Learning) -> Iterator[Drawn]:
    yield _accuracy(task, index, drawn)
    curves = [(one, style) for one, style in drawn if learning.get(one.label)]
    if curves:
        yield _learning_curves(task, index, curves, learning)
    if any(training.steps.reached for one, _ in drawn for training in one.trainings.values()):
        yield steps(task, index, drawn)
    if any(one.at_other_lengths for one, _ in drawn):
        yield generalisation(task, index, drawn)


def accuracy(task: TaskSummary, index: int, drawn: Shown) -> Drawn:
    """Accuracy against length: mean, interval and seeds of each architecture, chance, and what counts as solved."""
    figure = new_figure(task, index, "accuracy", "accuracy by length", _accuracy_alt(task))
    axes = _single(figure, len(drawn) + 2)
    place_lengths(axes, task.lengths)
    accuracy_axis(axes, task, task.lengths)
    for shortest, longest in task.ranges:
        axes.axvspan(
            shortest, longest, color=CHANCE, alpha=0.12, linewidth=0, label=f"trained on T={shortest} to {longest}"
        )
    for place, (one, style) in enumerate(drawn):
        _line(axes, figure, one, style, side_by_side(axes, place, len(drawn)))
    axes.set_xlabel("sequence length")
    axes.set_ylabel("test accuracy")
    legend(figure.figure, axes, _key(drawn))
    return figure


def steps(task: TaskSummary, index: int, drawn: Shown) -> Drawn:
    """Median steps to the threshold against length; an open arrow at the budget where the median seed needs more."""
    alt = f"Training steps to the threshold on {task.label}, by length and architecture; the table has the numbers."
    figure = new_figure(task, index, "steps", "training steps to the threshold", alt)
    axes = _single(figure, len(drawn) + 2)
    place_lengths(axes, task.lengths)
    for place, (one, style) in enumerate(drawn):
        _steps_line(axes, figure, one, style, side_by_side(axes, place, len(drawn)))
    budget = max(training.budget for one, _ in drawn for training in one.trainings.values())
    axes.axhline(budget, color=CHANCE, linestyle=DOTTED, label=f"budget: {budget:,}")
    axes.set_ylim(0, budget * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("sequence length")
    axes.set_ylabel("steps (median over seeds)")
    beyond = Line2D([], [], color=_SEED, marker="^", markerfacecolor="none", linestyle="none", label="more than that")
    legend(figure.figure, axes, [beyond])
    return figure


def generalisation(task: TaskSummary, index: int, drawn: Shown) -> Drawn:
    """Accuracy at lengths that were not trained at, a panel for each length that was, which is marked."""
    trained = sorted({n for one, _ in drawn for n in one.at_other_lengths})
    alt = f"Accuracy at other lengths on {task.label}, a panel for each length trained at; the table has the numbers."
    figure = new_figure(task, index, "generalisation", "accuracy at other lengths", alt)
    for axes, n in _panels(figure, trained, len(drawn) + 3):
        tested = sorted({length for one, _ in drawn for length in one.at_other_lengths.get(n, ())})
        accuracy_axis(axes, task, (n, n))
        axes.axvline(n, color=CHANCE, linewidth=4, alpha=0.35, label="trained at")
        place_lengths(axes, tested)
        for one, style in drawn:
            known = [found for found in one.at_other_lengths.get(n, {}).values() if not found.all_failed]
            axes.plot(
                [found.length for found in known],
                [found.mean for found in known],
                color=style.color,
                linestyle=style.dash,
                marker=style.marker,
                markersize=3,
                linewidth=1.2,
                label=one.label,
            )
        axes.set_title(f"trained at T={n}", fontsize=8)
    figure.figure.supxlabel("length tested at", fontsize=9)
    legend(figure.figure, figure.figure.axes[0])
    return figure


def _learning_curves(task: TaskSummary, index: int, drawn: Shown, learning: Learning) -> Drawn:
    """Validation accuracy while training, a panel for each length trained at."""
    lengths = sorted({n for one, _ in drawn for n in learning[one.label]})
    alt = f"Learning curves on {task.label}, a panel for each length trained at; the table has the numbers."
    figure = new_figure(task, index, "learning", "learning curves", alt)
    for axes, n in _panels(figure, lengths, len(drawn) + 2):
        accuracy_axis(axes, task, (n, n))
        last = 1
        for one, style in drawn:
            points = learning[one.label].get(n, [])
            _learning_line(axes, style, one.label, points)
            last = max([last, *(point[0] for point in points)])
        axes.set_xlim(0, last * 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
        trained = next(one.trainings[n].length for one, _ in drawn if n in one.trainings)
        axes.set_title(f"trained at T={trained}", fontsize=8)
    figure.figure.supxlabel("training steps", fontsize=9)
    legend(figure.figure, figure.figure.axes[0])
    return figure


def _learning_line(axes: Axes, style: LineStyle, label: str, points: Sequence[tuple[int, float, float, float]]) -> None:
    marker = style.marker if len(points) <= _FEW_POINTS else ""
    x, mean, low, high = zip(*points, strict=True) if points else ((), (), (), ())
    axes.plot(
        x, mean, color=style.color, linestyle=style.dash, linewidth=1.2, label=label, marker=marker, markersize=2.5
    )
    if low != mean or high != mean:
        axes.fill_between(x, low, high, color=style.color, alpha=0.15, linewidth=0)


def _line(axes: Axes, figure: Drawn, one: ArchitectureSummary, style: LineStyle, moved: Transform) -> None:
    """One architecture: a line through the means, a band of the intervals, a dot for each seed."""
    found = [at for at in one.lengths.values() if not at.all_failed]
    axes.plot(
        [at.length for at in found],
        [at.mean for at in found],
        color=style.color,
        linestyle=style.dash,
        label=one.label,
        marker=style.marker,
        markersize=0.01,
        transform=moved,
    )
    for at in found:
        if at.interval:
            low, high = at.interval
            axes.plot([at.length] * 2, [low, high], color=style.color, linewidth=4, alpha=0.25, transform=moved)
        if at.seeds > 1:
            _seed_dots(axes, figure, one.label, at, style, moved)
        mark = figure.mark(f"{one.label}, T={at.length}: {_tooltip(at)}")
        axes.plot(
            [at.length], [at.mean], marker=style.marker, markersize=5, color=style.color, gid=mark, transform=moved
        )


def _seed_dots(axes: Axes, figure: Drawn, label: str, at: LengthSummary, style: LineStyle, moved: Transform) -> None:
    for seed, accuracy in at.finished.items():
        mark = figure.mark(
            f"{label}, T={at.length}, seed {seed}: {words.percent(accuracy)}, harness show {at.runs[seed]}"
        )
        axes.plot([at.length], [accuracy], ".", color=style.color, markersize=3.5, alpha=0.6, gid=mark, transform=moved)


def _steps_line(axes: Axes, figure: Drawn, one: ArchitectureSummary, style: LineStyle, moved: Transform) -> None:
    known = [(n, at.steps.median) for n, at in one.trainings.items() if at.steps.median is not None]
    x, medians = zip(*known, strict=True) if known else ((), ())
    axes.plot(
        x,
        medians,
        color=style.color,
        linestyle=style.dash,
        label=one.label,
        marker=style.marker,
        markersize=0.01,
        transform=moved,
    )
    for n, training in one.trainings.items():
        reached = f"{training.steps.reached} of {training.steps.of} seeds reached it"
        mark = figure.mark(f"{one.label}, T={n}: {words.steps(training)} steps, {reached}")
        median = training.steps.median
        axes.plot(
            [n],
            [training.budget if median is None else median],
            marker="^" if median is None else style.marker,
            color=style.color,
            markerfacecolor="none" if median is None else style.color,
            gid=mark,
            transform=moved,
            linestyle="none",
        )


def _panels(figure: Drawn, lengths: Sequence[int], legend_lines: int) -> Iterator[tuple[Axes, int]]:
    """Small panels, three in a row, one for each length trained at."""
    rows = math.ceil(len(lengths) / 3)
    figure.figure.set_size_inches(WIDTH, 0.4 + 1.55 * rows + legend_height(legend_lines))
    panels = figure.figure.subplots(rows, min(3, len(lengths)), sharey=True, squeeze=False)
    for axes in panels.flat[len(lengths) :]:
        axes.remove()
    yield from zip(panels.flat, lengths, strict=False)


def _single(figure: Drawn, legend_lines: int) -> Axes:
    figure.figure.set_size_inches(WIDTH, 2.9 + legend_height(legend_lines + 2))
    return figure.figure.add_subplot()


def _key(drawn: Shown) -> list[Line2D | Patch]:
    """What the small dots and the bars are."""
    found = [at for one, _ in drawn for at in one.lengths.values()]
    key: list[Line2D | Patch] = []
    if any(at.seeds > 1 for at in found):
        key.append(Line2D([], [], color=_SEED, marker=".", markersize=4, linestyle="none", label="one seed"))
    if any(at.interval for at in found):
        key.append(Patch(color=_SEED, alpha=0.3, linewidth=0, label="95% interval of the mean"))
    return key


def _accuracy_alt(task: TaskSummary) -> str:
    ends = []
    for one in task.ran:
        first, *_, last = [*one.lengths.values(), *one.lengths.values()]
        ends.append(f"{one.label} from {words.percent(first.mean, 0)} to {words.percent(last.mean, 0)}")
    return f"Test accuracy on {task.label} from T={task.lengths[0]} to T={task.lengths[-1]}: {', '.join(ends)}."


def _tooltip(at: LengthSummary) -> str:
    failed = f", {at.failed} failed" if at.failed else ""
    return (
        f"{words.percent(at.mean)} {words.percents(at.interval, at.range)}, {words.solving(at)} seeds solve it{failed}"
    )
