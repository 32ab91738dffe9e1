"""A figure of each task's searches: expected best by trials, importances, and scores by learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from harness.analysis.colours import colour
from harness.names import file_name
from harness.report import Results
from harness.search_record import SearchRecord

_STYLE: Any = {
    "text.parse_math": False,  # names are text, never formulas
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
}
_LINE_STYLES = (("o", "-"), ("s", "--"), ("^", ":"), ("D", "-."))  # distinct without colours
_WORDS = {"accuracy": "validation accuracy", "loss": "validation loss", "steps_to_solve": "steps to solve"}


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `search-<task>-<lengths>.svg` for each task and its lengths, the same bytes each time."""
    by_task: dict[tuple[str, ...], list[SearchRecord]] = {}
    for one in results.searches:
        by_task.setdefault((one.task_label, *map(str, one.lengths)), []).append(one)
    return [
        _draw(searches, folder / f"{file_name('-'.join(('search', *key)))}.svg") for key, searches in by_task.items()
    ]


def _draw(searches: Sequence[SearchRecord], path: Path) -> Path:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.4))
        for axes, (title, panel) in zip(figure.subplots(1, len(PANELS)), PANELS.values(), strict=True):
            axes.set_title(title)
            panel(axes, searches)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path


def _expected(axes: Axes, searches: Sequence[SearchRecord]) -> None:
    for one, (_, dash) in zip(searches, cycle(_LINE_STYLES), strict=False):
        best = one.expected_best
        axes.plot(range(1, len(best) + 1), best, color=colour(one.label), linestyle=dash, label=one.label)
    axes.set(xlabel="trials", ylabel=_WORDS[searches[0].objective])
    axes.legend(frameon=False)


def _important(axes: Axes, searches: Sequence[SearchRecord]) -> None:
    rows = [
        (f"{one.label}: {name.removeprefix(f'{one.label}.')}", share, one)
        for one in searches
        for name, share in one.importances.items()
    ]
    axes.set(xlabel="share")
    if not rows:
        axes.text(0.5, 0.5, "too few trials", ha="center", transform=axes.transAxes)
        axes.set_yticks([])
        return
    places = range(len(rows), 0, -1)
    axes.barh(places, [share for _, share, _ in rows], color=[colour(one.label) for *_, one in rows])
    axes.set_yticks(places, [name for name, *_ in rows])


def _slice(axes: Axes, searches: Sequence[SearchRecord]) -> None:
    """Score by learning rate, or by what is searched first where that was set; failed trials are crosses."""
    name = "lr" if all("lr" in one.space for one in searches) else next(iter(searches[0].space))
    for one, (mark, _) in zip(searches, cycle(_LINE_STYLES), strict=False):
        for failed, marker in ((False, mark), (True, "x")):
            trials = [t for t in one.trials if name in t.values and (t.state == "failed") is failed]
            x, y = [t.values[name] for t in trials], [t.score for t in trials]
            axes.scatter(x, y, s=14, marker=marker, color=colour(one.label), alpha=0.7)
    axes.set(xlabel=name, ylabel=_WORDS[searches[0].objective])
    if name in searches[0].logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # not a formula
        axes.xaxis.set_minor_formatter(NullFormatter())


PANELS: dict[str, tuple[str, Callable[[Axes, Sequence[SearchRecord]], None]]] = {
    "expected": ("Expected best by trials", _expected),
    "importance": ("Importance (PED-ANOVA)", _important),
    "slice": ("Trials by learning rate", _slice),
}
"""Title and drawing of each panel, by name; each draws the searches on one task."""
