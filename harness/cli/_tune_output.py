"""What `harness tune` prints at its end: a table of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.search_record import SearchRecord
from harness.tuning.progress import format_values, percent, plain
from harness.tuning.study import Study

_WIDE = 200  # columns, if the output is not a terminal


def table(studies: Sequence[Study], found: Mapping[str, SearchRecord]) -> None:
    """The results: a table for each task, and the chosen settings under it."""
    console = Console()
    console.width = console.width if console.is_terminal else _WIDE
    for task in dict.fromkeys((one.task_label, *one.lengths) for one in found.values()):
        mine = [(s, found[s.digest]) for s in studies if s.digest in found]
        mine = [(study, one) for study, one in mine if (one.task_label, *one.lengths) == task]
        title = f"{task[0]} {','.join(map(str, task[1:]))}: {mine[0][1].objective} on validation data"
        console.print(Text(title, style="bold"))
        rows = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for column in ("architecture", "trials", "pruned", "failed", "default", "chosen", "confirmed", "chance"):
            rows.add_column(column, justify="left" if column == "architecture" else "right", no_wrap=True)
        for study, one in mine:
            rows.add_row(*_row(study, one))
        console.print(rows)
        for study, one in mine:
            size = f" hidden_size={one.hidden_size}" if one.params else ""
            console.print(Text(f"{study.label}: {format_values(one.values)}{size}"), soft_wrap=True)


def _row(study: Study, one: SearchRecord) -> list[Text]:
    number, counts = (percent if study.maximises else plain), one.counts
    confirmed = f"{number(fmean(one.confirmed))} ({len(one.confirmed)})" if one.confirmed else "-"
    first = "-" if one.default_score is None else number(one.default_score)
    chance = "-" if one.chance is None else percent(one.chance)
    cells = [sum(counts.values()), counts["pruned"], counts["failed"], first, number(one.score), confirmed, chance]
    return [Text(one.label), *(Text(str(cell)) for cell in cells)]
