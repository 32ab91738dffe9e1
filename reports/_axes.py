"""Axes: lengths along, accuracy up, a legend above."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from harness.analysis.colours import CHANCE
from harness.analysis.summary import TaskSummary

DASHED, DOTTED = (0, (5, 2)), (0, (1, 1.5))


def accuracy_axis(axes: Axes, task: TaskSummary, lengths: Sequence[int]) -> None:
    """0 to 100%, with chance and the threshold."""
    axes.set_ylim(-0.02, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.axhline(task.solved_at, color=CHANCE, linewidth=1, linestyle=DASHED, label=f"solved: {task.solved_at:.0%}")
    chances = [(n, task.chances[n]) for n in lengths if n in task.chances]
    if len({chance for _, chance in chances}) == 1:
        axes.axhline(chances[0][1], color=CHANCE, linewidth=1, linestyle=DOTTED, label="chance")
    elif chances:
        axes.plot(*zip(*chances, strict=True), color=CHANCE, linewidth=1, linestyle=DOTTED, label="chance")


def place_lengths(axes: Axes, lengths: Sequence[int], zero: bool = False) -> float:
    """An axis with a tick at each length, logarithmic where they are geometric; returns where 'none' is drawn."""
    geometric = is_geometric(lengths)
    step = lengths[1] / lengths[0] if geometric else (lengths[-1] - lengths[0]) / 6 or 1
    none = lengths[0] / max(step, 1.5) if geometric else lengths[0] - step
    places = [none, *lengths] if zero else list(lengths)
    axes.set_xscale("log" if geometric else "linear")
    axes.set_xlim(*_limits(places, geometric))
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, [*(["none"] if zero else []), *map(str, lengths)])
    if len(lengths) > 7:
        axes.tick_params(axis="x", rotation=60)
    return float(none)


def _limits(places: Sequence[float], geometric: bool) -> tuple[float, float]:
    """The first and the last place, and a little more."""
    if geometric:
        margin = (places[-1] / places[0]) ** 0.08
        return places[0] / margin, places[-1] * margin
    margin = (places[-1] - places[0]) * 0.08 or 1
    return places[0] - margin, places[-1] + margin


def is_geometric(lengths: Sequence[float]) -> bool:
    """Whether ratios between neighbours vary less than differences do."""
    if len(lengths) < 3:
        return len(lengths) == 2 and lengths[1] >= 3 * lengths[0]
    ratios, differences = np.diff(np.log(lengths)), np.diff(lengths)
    return bool(ratios.std() / ratios.mean() < differences.std() / differences.mean())


def legend_height(lines: int) -> float:
    return 0.2 * math.ceil(lines / 3)


def legend(figure: Figure, axes: Axes, further: Sequence[Artist] = ()) -> None:
    """Above the panels: what `axes` shows, and what else is to be explained."""
    handles, labels = axes.get_legend_handles_labels()
    handles, labels = [*handles, *further], [*labels, *(str(one.get_label()) for one in further)]
    for handle in handles:
        if getattr(handle, "get_markersize", lambda: 1)() < 0.1:
            handle.set(markersize=4)
    figure.legend(handles, labels, loc="outside upper left", ncols=3, fontsize=8, frameon=False)
