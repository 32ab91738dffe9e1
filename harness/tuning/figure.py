"""The figure of a search: expected best by trials, importances, and the slice of what is searched first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.colours import colour
from harness.space import Choice
from harness.tuning.shown import expected_best, importances, scores
from harness.tuning.study import Study

_STYLE: Any = {
    "text.parse_math": False,  # names are text, never formulas
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
}
_WORDS = {"accuracy": "validation accuracy", "loss": "validation loss", "steps_to_solve": "steps to solve"}


def draw(studies: Sequence[Study], path: Path) -> Path:
    """Writes the figure of the studies of one task, the same bytes each time."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.4))
        expected, important, along = figure.subplots(1, 3)
        _expected(expected, studies)
        _important(important, studies)
        _slice(along, studies)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path


def _expected(axes: Axes, studies: Sequence[Study]) -> None:
    for study in studies:
        values = expected_best(scores(study, study.ended()), study.maximises)
        axes.plot(range(1, len(values) + 1), values, color=colour(study.label), label=study.label)
    axes.set(xlabel="trials", ylabel=_WORDS[studies[0].search.objective], title="Expected best (Dodge et al. 2019)")
    axes.legend(frameon=False)


def _important(axes: Axes, studies: Sequence[Study]) -> None:
    rows = [(f"{study.label}: {name}", share, study) for study in studies for name, share in importances(study).items()]
    axes.set(title="Importance (PED-ANOVA)", xlabel="share")
    if not rows:
        axes.text(0.5, 0.5, "too few trials", ha="center", transform=axes.transAxes)
        return
    places = range(len(rows), 0, -1)
    axes.barh(places, [share for _, share, _ in rows], color=[colour(study.label) for *_, study in rows])
    axes.set_yticks(places, [name for name, *_ in rows])


def _slice(axes: Axes, studies: Sequence[Study]) -> None:
    """Score by learning rate, or by what is searched first where that was set."""
    name = "lr" if all("lr" in study.space for study in studies) else next(iter(studies[0].space))
    for study in studies:
        trials = [trial for trial in study.ended() if name in trial.params]
        axes.scatter(
            [trial.params[name] for trial in trials], scores(study, trials), s=14, color=colour(study.label), alpha=0.7
        )
    space = studies[0].space[name]
    axes.set(xlabel=name, ylabel=_WORDS[studies[0].search.objective], title=f"Trials by {name}")
    if not isinstance(space, Choice) and space.log:
        axes.set_xscale("log")
