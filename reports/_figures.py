"""The figures, each made once: drawn into the page, and written as SVG and PDF for a paper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.colours import CHANCE, PALETTE, colour
from harness.analysis.summary import Cell, Curve, Summary, TaskSummary

from . import _words as words
from ._axes import DASHED, DOTTED, accuracy_axis, legend, legend_height, place_lengths
from ._files import file_name
from ._learning import Learning

_WIDTH, _ROW = 5.4, 0.21  # inches
_MARKERS = "osD^vPX*<>"
_DASHES = ("-", DASHED, DOTTED, (0, (5, 1.5, 1, 1.5)))
_MOST = 30  # architectures in one figure; the tables hold them all


@dataclass
class Drawn:
    """A figure, what it shows in words, and what its marks say when pointed at, by their id."""

    name: str  # within the page, 'accuracy-0'
    file: str  # 'copy-accuracy'
    title: str
    alt: str
    figure: Figure
    hover: dict[str, str] = field(default_factory=dict)

    def says(self, text: str) -> str:
        """An id for a mark that says this text."""
        mark = f"{self.name}-{len(self.hover)}"
        self.hover[mark] = text
        return mark


@dataclass(frozen=True)
class _Look:
    """How one architecture is drawn, told from the others without its colour too."""

    color: str
    marker: str
    dash: object


Looks = dict[str, _Look]


def figures(summary: Summary, learning: Mapping[str, Learning]) -> Iterator[Drawn]:
    """All figures of a report that have something to show, by and by."""
    if any(curve.cells for task in summary.tasks for curve in task.curves):
        yield horizons(summary)
    looks = looks_of(summary)
    for index, task in enumerate(summary.tasks):
        if not any(curve.cells for curve in task.curves):
            continue
        yield accuracy(task, index, looks)
        if any(learning[task.label].values()):
            yield _by_length(task, index, looks, ("learning", "Learning curves"), learning[task.label])
        if any(cell.steps.solved for curve in task.curves for cell in curve.cells.values()):
            yield steps(task, index, looks)
        if any(curve.elsewhere for curve in task.curves):
            yield generalisation(task, index, looks)


def horizons(summary: Summary) -> Drawn:
    """The longest length solved, with its interval; a hollow mark where no length is."""
    rows = [(task, curve) for task in summary.tasks for curve in [c for c in task.curves if c.cells][:_MOST]]
    lengths = sorted({length for task in summary.tasks for length in task.lengths})
    drawn = Drawn("horizon", "horizon", "Horizon: the longest length solved", _horizon_alt(summary), Figure())
    heads = len(summary.tasks)
    drawn.figure.set_size_inches(_WIDTH, 0.75 + _ROW * (len(rows) + heads))
    axes = drawn.figure.add_subplot()
    left = place_lengths(axes, lengths, zero=True)
    ticks: list[int] = []
    names: list[str] = []
    y = 0
    for task in summary.tasks:
        ticks, names, y = [*ticks, y], [*names, task.label], y + 1
        for curve in [c for shown, c in rows if shown is task]:
            _horizon(axes, drawn, curve, y, left)
            ticks, names, y = [*ticks, y], [*names, curve.label], y + 1
    axes.set_yticks(ticks, names)
    for text, name in zip(axes.get_yticklabels(), names, strict=True):
        text.set_fontweight("bold" if name in {task.label for task in summary.tasks} else "normal")
    axes.set_ylim(y - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    sure = any(curve.horizon_interval for _, curve in rows)
    drawn.figure.supxlabel("longest length solved" + (", with 95 % interval over seeds" if sure else ""), fontsize=9)
    return drawn


def accuracy(task: TaskSummary, index: int, looks: Looks) -> Drawn:
    """Accuracy against length: mean, interval and seeds of each architecture, chance, and what counts as solved."""
    drawn = Drawn(
        f"accuracy-{index}", _file(task, "accuracy"), f"{task.label}: accuracy by length", _accuracy_alt(task), Figure()
    )
    axes = _single(drawn, len(_shown(task, looks)))
    place_lengths(axes, task.lengths)
    accuracy_axis(axes, task, task.lengths)
    for curve, look in _shown(task, looks):
        _line(axes, drawn, curve, look)
    axes.set_xlabel("sequence length")
    axes.set_ylabel("test accuracy")
    legend(drawn.figure, axes)
    return drawn


def steps(task: TaskSummary, index: int, looks: Looks) -> Drawn:
    """Median steps to solve against length; lengths that the median seed did not solve are left out."""
    alt = f"Training steps until {task.label} was solved, by length and architecture; the table below has the numbers."
    drawn = Drawn(f"steps-{index}", _file(task, "steps"), f"{task.label}: training steps to solve", alt, Figure())
    axes = _single(drawn, len(_shown(task, looks)))
    place_lengths(axes, task.lengths)
    for curve, look in _shown(task, looks):
        known = [(n, cell.steps.median) for n, cell in curve.cells.items() if cell.steps.median is not None]
        if not known:
            continue
        axes.plot(*zip(*known, strict=True), color=look.color, linestyle=look.dash, label=curve.label)
        for length, median in known:
            cell = curve.cells[length]
            said = f"{curve.label}, T={length}: {median:,.0f} steps {words.steps_interval(cell)}, "
            mark = drawn.says(f"{said}{cell.steps.solved} of {cell.steps.of} seeds")
            axes.plot([length], [median], marker=look.marker, color=look.color, gid=mark)
    budget = max(cell.budget for curve in task.curves for cell in curve.cells.values())
    axes.axhline(budget, color=CHANCE, linestyle=DOTTED, label=f"budget: {budget:,}")
    axes.set_ylim(0, budget * 1.05)
    axes.set_xlabel("sequence length")
    axes.set_ylabel("steps (median over seeds)")
    legend(drawn.figure, axes)
    return drawn


def generalisation(task: TaskSummary, index: int, looks: Looks) -> Drawn:
    """Accuracy at lengths that were not trained at, a panel for each length that was, which is marked."""
    points = {
        curve.label: {
            trained: [(n, value, value, value) for n, value in tested.items()]
            for trained, tested in curve.elsewhere.items()
        }
        for curve in task.curves
    }
    return _by_length(task, index, looks, ("generalisation", "Accuracy at other lengths"), points)


def _by_length(task: TaskSummary, index: int, looks: Looks, names: tuple[str, str], points: Learning) -> Drawn:
    """Small panels, one for each length trained at, a line for each architecture."""
    name, title = names
    lengths = [n for n in task.lengths if any(n in of_label for of_label in points.values())]
    alt = f"{title} on {task.label}, a panel for each length trained at; the table below has the numbers."
    drawn = Drawn(f"{name}-{index}", _file(task, name), f"{task.label}: {title[0].lower()}{title[1:]}", alt, Figure())
    rows = math.ceil(len(lengths) / 3)
    shown = [(curve, look) for curve, look in _shown(task, looks) if points.get(curve.label)]
    drawn.figure.set_size_inches(_WIDTH, 0.4 + 1.55 * rows + legend_height(len(shown) + 2))
    panels = drawn.figure.subplots(rows, min(3, len(lengths)), sharey=True, squeeze=False)
    for axes in panels.flat[len(lengths) :]:
        axes.remove()
    for axes, length in zip(panels.flat, lengths, strict=False):
        tested = sorted({point[0] for curve, _ in shown for point in points[curve.label].get(length, ())})
        accuracy_axis(axes, task, (length, length))
        for curve, look in shown:
            _panel_line(axes, look, curve.label, points[curve.label].get(length, ()))
        axes.set_title(f"trained at T={length}", fontsize=8)
        if name == "generalisation":
            axes.axvline(length, color=CHANCE, linewidth=4, alpha=0.35, label="trained at")
            place_lengths(axes, tested)
    drawn.figure.supxlabel("length tested at" if name == "generalisation" else "training steps", fontsize=9)
    legend(drawn.figure, panels.flat[0])
    return drawn


def _panel_line(axes: Axes, look: _Look, label: str, points: Sequence[tuple[int, float, float, float]]) -> None:
    if not points:
        axes.plot([], [], color=look.color, linestyle=look.dash, label=label)
        return
    x, mean, low, high = zip(*points, strict=True)
    axes.plot(x, mean, color=look.color, linestyle=look.dash, linewidth=1.2, label=label)
    if low != mean or high != mean:
        axes.fill_between(x, low, high, color=look.color, alpha=0.15, linewidth=0)


def _horizon(axes: Axes, drawn: Drawn, curve: Curve, y: int, zero: float) -> None:
    x, tint = curve.horizon or zero, colour(curve.label)
    interval = curve.horizon_interval
    if interval:
        axes.plot([interval.low or zero, interval.high or zero], [y, y], color=tint, linewidth=5, alpha=0.35,
                  solid_capstyle="round")  # fmt: skip
    said = f"T={curve.horizon}" if curve.horizon else "no length solved"
    mark = drawn.says(f"{curve.label}: {said}, interval {words.horizon_interval(curve)}")
    face = tint if curve.horizon else "none"
    axes.plot([x], [y], marker="o", markersize=7, color=tint, markerfacecolor=face, gid=mark)


def _line(axes: Axes, drawn: Drawn, curve: Curve, look: _Look) -> None:
    lengths = list(curve.cells)
    cells = list(curve.cells.values())
    axes.plot(lengths, [cell.mean for cell in cells], color=look.color, linestyle=look.dash, label=curve.label,
              marker=look.marker, markersize=0.01)  # fmt: skip
    banded = [cell for cell in cells if cell.interval]
    axes.fill_between(
        [cell.length for cell in banded],
        [cell.interval.low for cell in banded if cell.interval],
        [cell.interval.high for cell in banded if cell.interval],
        color=look.color,
        alpha=0.15,
        linewidth=0,
    )
    seeds = [(cell.length, value) for cell in cells for value in cell.scores.values() if len(cell.scores) > 1]
    if seeds:
        axes.plot(*zip(*seeds, strict=True), ".", color=look.color, markersize=2.5, alpha=0.6)
    for cell in cells:
        mark = drawn.says(f"{curve.label}, T={cell.length}: {_said(cell)}")
        axes.plot([cell.length], [cell.mean], marker=look.marker, markersize=5, color=look.color, gid=mark)


def _horizon_alt(summary: Summary) -> str:
    parts = [
        f"{task.label}: " + ", ".join(f"{c.label} {words.horizon(c)}" for c in task.curves) for task in summary.tasks
    ]
    return f"The longest length that each architecture solves. {'. '.join(parts)}."


def _accuracy_alt(task: TaskSummary) -> str:
    ran = [curve for curve in task.curves if curve.cells]
    ends = [f"{c.label} from {words.percent(_ends(c)[0], 0)} to {words.percent(_ends(c)[1], 0)}" for c in ran]
    return f"Test accuracy on {task.label} from T={task.lengths[0]} to T={task.lengths[-1]}: {', '.join(ends)}."


def _ends(curve: Curve) -> tuple[float, float]:
    cells = list(curve.cells.values())
    return cells[0].mean, cells[-1].mean


def _said(cell: Cell) -> str:
    text = f"{words.percent(cell.mean)} {words.percents(cell.interval)}, solved by {cell.solved} of {len(cell.scores)}"
    return text + (f", {cell.failed} failed" if cell.failed else "")


def looks_of(summary: Summary) -> Looks:
    """How each architecture is drawn on every task: of those with one colour, the simplest name has the plain line."""
    labels = {curve.label for task in summary.tasks for curve in task.curves}
    looks: Looks = {}
    taken: dict[str, int] = {}
    for label in sorted(labels, key=lambda label: (len(label), label)):
        tint = colour(label)
        nth = taken[tint] = taken.get(tint, -1) + 1
        place = list(PALETTE.values()).index(tint)
        looks[label] = _Look(tint, _MARKERS[(place + 3 * nth) % len(_MARKERS)], _DASHES[nth % len(_DASHES)])
    return looks


def _shown(task: TaskSummary, looks: Looks) -> list[tuple[Curve, _Look]]:
    """The curves that are drawn, the best first."""
    return [(curve, looks[curve.label]) for curve in task.curves if curve.cells][:_MOST]


def _file(task: TaskSummary, name: str) -> str:
    return file_name(f"{task.label}-{name}")


def _single(drawn: Drawn, lines: int) -> Axes:
    drawn.figure.set_size_inches(_WIDTH, 2.9 + legend_height(lines + 2))
    return drawn.figure.add_subplot()
