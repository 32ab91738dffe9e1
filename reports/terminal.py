"""The answer in the terminal: a table of accuracy by length with chance beside it, and a small chart of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import plotext
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.record import CLOSE, Record
from harness.report import Results

_COLOURS = ("blue", "orange", "green", "magenta", "cyan", "red")
_MARKERS = "ox+*#@%&"  # a line is told from another without colour too


def show(results: Results, folder: Path) -> list[Path]:
    """Prints one table and one chart a task; accuracies are on test data, means over seeds. Writes no file."""
    console = Console()
    by_task: dict[str, list[Record]] = defaultdict(list)
    records = [record for record in results.records if record.status != "interrupted"]  # nothing was found out
    for record in records:
        by_task[record.spec.task_label].append(record)
    for task, members in by_task.items():
        seeds = len({record.spec.seed for record in members})
        title = f"{task}: test accuracy by length, {seeds} seed{'s' if seeds > 1 else ''}"
        console.print(Text(title, style="bold"))
        console.print(_table(members))
        console.print(_notes(members))
        if chart := _chart(members, console):
            console.print(chart)
    if any(record.scores.keys() - {record.spec.length} for record in records):
        console.print(Text("length generalisation: test accuracy at lengths not trained at", style="bold"))
        console.print(_generalisation(records))
    return []


def _table(records: list[Record]) -> Table:
    lengths = sorted({record.spec.length for record in records})
    table = Table()
    table.add_column("length")
    for length in lengths:
        table.add_column(f"{length}", justify="right")
    for label in dict.fromkeys(record.spec.label for record in records):
        row = [[r for r in records if (r.spec.label, r.spec.length) == (label, length)] for length in lengths]
        table.add_row(Text(label), *map(_cell, row))
    table.add_section()
    table.add_row(Text("chance", style="dim"), *(Text(_chance(records, length), style="dim") for length in lengths))
    return table


def _cell(records: list[Record]) -> Text:
    """Mean and range over seeds; a failed run counts as chance and is named."""
    if not records:
        return Text("-", style="dim")
    failed = [record for record in records if record.status != "ok"]
    if len(failed) == len(records):
        return Text(failed[0].status, style="red")
    values = _values(records)
    text = f"{fmean(values):.1%}"
    if len(values) > 1:
        text += f" [{min(values):.0%}..{max(values):.0%}]"
    solved = sum(record.solved for record in records) > len(records) / 2
    return Text(text + (f" ({len(failed)} failed)" if failed else ""), style="bold green" if solved else "")


def _values(records: list[Record]) -> list[float]:
    """Accuracies, chance for a failed run; empty where chance is not known because all failed."""
    chance = next((record.chance for record in records if record.chance is not None), None)
    if chance is None:
        return []
    return [chance if record.accuracy is None else record.accuracy for record in records]


def _chance(records: list[Record], length: int) -> str:
    known = [record.chance for record in records if record.spec.length == length and record.chance is not None]
    return f"{known[0]:.1%}" if known else "-"


def _notes(records: list[Record]) -> Group:
    """What a reader must know to read the table, and why runs failed."""
    thresholds = [record.solved_at for record in records if record.status == "ok"]
    notes: list[RenderableType] = []
    if thresholds:
        solved = f"green: most seeds solved it (accuracy of at least {thresholds[0]:.0%}); [lowest..highest seed]"
        notes.append(Text(solved, style="dim"))
    if len({record.spec.seed for record in records}) == 1:
        notes.append(Text("one seed shows no spread: --seeds 5 says how sure this is", style="dim"))
    for record in {record.spec.label: record for record in records if record.parameters}.values():
        asked, have = record.spec.asked.get("params"), sum(record.parameters.values())
        if asked and abs(have - asked) / asked > CLOSE:
            notes.append(Text(f"{record.spec.label} has {have:,} parameters where {asked:,} were asked", style="red"))
    reasons = dict.fromkeys((r.spec.label, r.spec.length, r.status, r.reason) for r in records if r.status != "ok")
    for label, length, status, reason in reasons:
        notes.append(Text(f"{label} at {length}: {status}: {reason}", style="red"))
    return Group(*notes)


def _chart(records: list[Record], console: Console) -> Text | None:
    """Accuracy against length, lengths equally spaced where they grow geometrically; None with a single length."""
    lengths = sorted({record.spec.length for record in records if record.accuracy is not None})
    if len(lengths) < 2:
        return None
    plotext.clear_figure()
    _use_the_terminals_own_colours()
    plotext.plotsize(min(console.width, 80), 16)
    plotext.ylim(0, 1)
    position = {length: math.log(length) for length in lengths}
    plotext.yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    plotext.xticks([position[length] for length in lengths], [str(length) for length in lengths])
    for index, label in enumerate(dict.fromkeys(record.spec.label for record in records)):
        points = [_point(records, label, length) for length in lengths]
        known = [(position[length], value) for length, value in zip(lengths, points, strict=True) if value is not None]
        if not known:
            continue
        plotext.plot(
            *zip(*known, strict=True),
            label=label,
            color=_COLOURS[index % len(_COLOURS)],
            marker=_MARKERS[index % len(_MARKERS)],
        )
    floor = {record.spec.length: record.chance for record in records if record.chance is not None}
    plotext.plot([position[length] for length in lengths], [floor[n] for n in lengths], label="chance", marker="·")
    plotext.xlabel("sequence length")
    plotext.title("test accuracy")
    return Text.from_ansi(plotext.build())


def _use_the_terminals_own_colours() -> None:
    for setting in (plotext.canvas_color, plotext.axes_color, plotext.ticks_color):
        setting("default")


def _point(records: list[Record], label: str, length: int) -> float | None:
    members = [record for record in records if (record.spec.label, record.spec.length) == (label, length)]
    values = _values(members)
    return fmean(values) if values else None


def _generalisation(records: Sequence[Record]) -> Table:
    """Accuracy of each model at lengths it was not trained at."""
    table = Table()
    tested = sorted({length for record in records for length in record.scores})
    for name in ("task", "architecture", "trained at", *map(str, tested)):
        table.add_column(name, justify="right" if name.isdigit() else "left")
    groups: dict[tuple[str, str, int], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.spec.task_label, record.spec.label, record.spec.length].append(record)
    for (task, label, length), members in groups.items():
        table.add_row(Text(task), Text(label), str(length), *(_tested(members, other) for other in tested))
    return table


def _tested(records: list[Record], length: int) -> str:
    values = [record.scores[length].accuracy for record in records if length in record.scores]
    return f"{fmean(values):.1%}" if values else "-"
