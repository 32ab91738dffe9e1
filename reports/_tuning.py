"""What tuning had and showed: the budget of each architecture, and the figures of the searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from harness.search_record import SearchRecord, unequal_searches

from . import _words as words
from ._drawing import Drawn
from ._tables import Table, TableCell
from .search import PANELS

NOT_TUNED = "No architecture was tuned: all ran at their default settings, or at those that were typed."
_COLUMNS = (
    "architecture",
    "task",
    "lengths",
    "trials",
    "pruned",
    "failed",
    "steps a trial",
    "steps in all",
    "default",
    "chosen",
    "confirmed",
    "seeds",
    "chance",
)
_SIZE = 5.4, 2.6  # inches


def budgets(searches: Sequence[SearchRecord]) -> Table:
    """What each architecture's search was allowed, what it took, and what it found on validation data."""
    note = (
        "Scores are on validation data, by which settings were chosen; test data was not looked at. Steps are trained."
    )
    differences = [f"{a.label} and {b.label} in {'; '.join(how)}" for a, b, how in unequal_searches(searches)]
    note += f" NOT TUNED ALIKE: {', '.join(differences)}." if differences else " All were tuned alike."
    return Table("Tuning budgets", _COLUMNS, [_row(one) for one in searches], 2, note)


def _row(one: SearchRecord) -> list[TableCell]:
    score = words.percent if one.maximises else "{:.4g}".format
    trials = sum(one.counts.values())
    return [
        TableCell(one.label),
        TableCell(one.task_label),
        TableCell(", ".join(map(str, one.lengths))),
        TableCell(f"{trials}", trials),
        TableCell(f"{one.counts['pruned']}", one.counts["pruned"]),
        TableCell(f"{one.counts['failed']}", one.counts["failed"]),
        TableCell(words.count(one.budget["steps"]), one.budget["steps"]),
        TableCell(words.count(one.cost["steps"]), one.cost["steps"]),
        TableCell(words.UNKNOWN if one.default_score is None else score(one.default_score), one.default_score),
        TableCell(score(one.score), one.score),
        TableCell(score(fmean(one.confirmed)), fmean(one.confirmed)) if one.confirmed else TableCell(words.UNKNOWN),
        TableCell(f"{len(one.confirmed)}", len(one.confirmed)),
        TableCell(words.UNKNOWN if one.chance is None else score(one.chance), one.chance),
    ]


def settings(searches: Sequence[SearchRecord]) -> Table:
    """What was searched for each architecture, and what was chosen."""
    rows = [
        [
            TableCell(one.label),
            TableCell(one.task_label),
            TableCell(name),
            TableCell(_written(one.values[name])),
            TableCell(space),
        ]
        for one in searches
        for name, space in one.space.items()
    ]
    return Table("Settings that tuning chose", ("architecture", "task", "setting", "chosen", "searched"), rows, 2)


def _written(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def figures(searches: Sequence[SearchRecord]) -> Iterator[Drawn]:
    """Expected best, importances and slice, for each task; call within a style."""
    for index, task in enumerate(dict.fromkeys(one.task_label for one in searches)):
        mine = [one for one in searches if one.task_label == task]
        for kind, (title, panel) in PANELS.items():
            alt = f"{title} of the searches on {task} for {', '.join(one.label for one in mine)}."
            drawn = Drawn(f"tuning-{kind}", task, f"{task}: {title}", alt, index)
            drawn.figure.set_size_inches(*_SIZE)
            panel(drawn.figure.add_subplot(), mine)
            yield drawn
