"""The answer in the terminal: a table of accuracy by length with chance beside it, and a small chart of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import plotext
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis import verdict
from harness.analysis.colours import CHANCE, PALETTE, colour
from harness.analysis.summary import sound, summarise
from harness.record import CLOSE, Record
from harness.report import Results

from . import _speed
from ._tables import Table as Found

_MARKERS = "ox+*#@%&"  # a line is told from another without colour too
_CHANCE_MARKER = "·"
_TOLD_ONCE = ("kernel", "batch", "hidden_size", "machine")  # where all rows have the same


def show(results: Results, folder: Path) -> list[Path]:
    """Prints tables and a chart a task; accuracies are on test data, means over seeds. Writes no file."""
    console = Console()
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in map(sound, results.records):
        if record.status != "interrupted":  # nothing was found out
            by_task[record.spec.task_label].append(record)
    summaries = {task.label: task for task in summarise(results).tasks}
    for task, records in by_task.items():
        console.print(Text(f"{task}: test accuracy by length{_trained_on(records)}, {_seeds(records)}", style="bold"))
        console.print(Text(verdict.headline(summaries[task])))
        console.print(Text(verdict.certainty(summaries[task])))
        console.print(_table(records))
        console.print(_notes(records, coloured=console.color_system is not None))
        if chart := _chart(records, console):
            console.print(chart)
        if all(record.solved_at >= 1 for record in records) and any(map(_has_bits, records)):
            console.print(Text(f"{task}: bits for one answer, in a text per character", style="bold"))
            console.print(_bits_table(records))
        if any(record.spec.test_lengths and record.spec.length_from is None for record in records):
            console.print(Text(f"{task}: length generalisation, {_seeds(records)}", style="bold"))
            console.print(_generalisation(records))
            console.print(Text("* at the length trained at; elsewhere at lengths not trained at", style="dim"))
    if results.speeds:
        console.print(_speeds(_speed.table(results.speeds)))
    return []


def _trained_on(records: Sequence[Record]) -> str:
    """The range of lengths that the runs trained on, where there is one."""
    ranges = dict.fromkeys(record.spec.length_text for record in records if record.spec.length_from is not None)
    return f", trained on {' and '.join(ranges)}" if ranges else ""


def _speeds(found: Found) -> Group:
    """What `harness bench` measured; what is the same in all rows is told once, under them."""
    columns = [[cell.text for cell in cells] for cells in zip(*found.rows, strict=True)]
    alike = {name: cells[0] for name, cells in zip(found.columns, columns, strict=True)
             if name in _TOLD_ONCE and len(set(cells)) == 1}  # fmt: skip
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))  # 80 columns hold it so
    for name, numeric in zip(found.columns, found.numeric, strict=True):
        if name not in alike:
            word = max(map(len, name.split()))  # of a heading, which is not cut
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", min_width=word)
    for row in found.rows:
        table.add_row(*(Text(c.text) for name, c in zip(found.columns, row, strict=True) if name not in alike))
    told = ", ".join(f"{name} {value}" for name, value in alike.items())
    return Group(
        Text(found.caption, style="bold"), table, *([Text(told)] if told else []), Text(found.note, style="dim")
    )


def _seeds(records: Sequence[Record]) -> str:
    count = len({record.spec.seed for record in records})
    return f"mean over {count} seeds [lowest..highest]" if count > 1 else "1 seed"


def _table(records: Sequence[Record]) -> Table:
    """At the length trained at, or tested at after a range: a row for each architecture and variant, chance below."""
    lengths = _points(records)
    seeds = len({record.spec.seed for record in records})
    table = _columns(["length"], lengths)
    for label in _labels(records):
        row = [[r for r in records if r.spec.label == label and length in r.spec.points] for length in lengths]
        table.add_row(Text(label), *(_cell(*cell, seeds) for cell in zip(row, lengths, strict=True)))
    return _with_chance(table, ["chance"], records, lengths)


def _bits_table(records: Sequence[Record]) -> Table:
    """For what is never solved wholly, as a text: the mean over seeds, of each length trained at."""
    lengths = _points(records)
    table = _columns(["length"], lengths)
    for label in _labels(records):
        mine = [record for record in records if record.spec.label == label]
        found = [[bits for r in mine if (bits := _bits_at(r, n)) is not None] for n in lengths]
        table.add_row(Text(label), *(f"{fmean(values):.3f}" if values else "-" for values in found))
    return table


def _bits_at(record: Record, length: int) -> float | None:
    """None for a run without a result there, and where answers are vectors."""
    scores = record.scores.get(length) if length in record.spec.points else None
    return scores.bits if record.status == "ok" and scores else None


def _has_bits(record: Record) -> bool:
    return any(_bits_at(record, length) for length in record.spec.points)


def _points(records: Sequence[Record]) -> list[int]:
    """The lengths that the curves of these runs have a point at."""
    return sorted({length for record in records for length in record.spec.points})


def _generalisation(records: Sequence[Record]) -> Table:
    """At every length tested at: a row for each architecture, variant and length trained at, chance below."""
    lengths = sorted({length for record in records for length in _tested(record)})
    seeds = len({record.spec.seed for record in records})
    groups: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in (record for record in records if record.spec.length_from is None):
        groups[record.spec.label, record.spec.length].append(record)
    table = _columns(["", "trained at"], lengths)
    labels = _labels(records)
    for label, trained in sorted(groups, key=lambda group: (labels.index(group[0]), group[1])):
        cells = [_cell(groups[label, trained], length, seeds) for length in lengths]
        cells[lengths.index(trained)] = Text("*") + cells[lengths.index(trained)]
        table.add_row(Text(label), str(trained), *cells)
    return _with_chance(table, ["chance", ""], records, lengths)


def _columns(names: Sequence[str], lengths: Sequence[int]) -> Table:
    table = Table(padding=(0, 1) if len(lengths) < 6 else (0, 0, 0, 1))  # 80 columns hold six ranges so
    for name in names:
        table.add_column(name, overflow="fold")
    for length in lengths:
        table.add_column(f"{length}", justify="right", overflow="fold")
    return table


def _with_chance(table: Table, names: Sequence[str], records: Sequence[Record], lengths: Sequence[int]) -> Table:
    chances = (_chance(records, length) for length in lengths)
    table.add_section()
    table.add_row(*names, *("-" if chance is None else f"{chance:.1%}" for chance in chances), style="dim")
    return table


def _cell(records: Sequence[Record], length: int, seeds: int) -> Text:
    """Mean and range over seeds at a length tested at; a failed run counts as chance and is named."""
    tested = [record for record in records if length in _tested(record)]
    if not tested:
        return Text("-", style="dim")
    failed = [record for record in tested if record.status != "ok"]
    if len(failed) == len(tested):
        return Text(", ".join(dict.fromkeys(record.status for record in failed)), style="red")
    values = _values(tested, length)
    words = [f"{fmean(values):.1%}"]
    if len(values) > 1:
        words.append(f"[{100 * min(values):.0f}..{100 * max(values):.0f}]")
    if failed:
        words.append(f"({len(failed)} failed)")
    if len(tested) < seeds:
        words.append(f"({len(tested)} of {seeds} seeds)")
    solved = sum(value >= tested[0].solved_at for value in values) > len(values) / 2
    return Text(" ".join(words), style="bold green" if solved else "")


def _values(records: Sequence[Record], length: int) -> list[float]:
    """Accuracies at a length tested at, chance for a failed run; empty where neither is known."""
    chance = _chance(records, length)
    found = (record.scores[length].accuracy if record.status == "ok" else chance for record in records)
    return [value for value in found if value is not None]


def _chance(records: Sequence[Record], length: int) -> float | None:
    return next((record.chances[length] for record in records if length in record.chances), None)


def _tested(record: Record) -> set[int]:
    return set(record.spec.tested)


def _labels(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(record.spec.label for record in records))


def _notes(records: Sequence[Record], coloured: bool) -> Group:
    """What a reader must know to read the table."""
    notes: list[RenderableType] = []
    if coloured and any(record.solved for record in records):
        notes.append(
            Text(f"green: solved by most seeds (at least {records[0].solved_at:.0%} on test data)", style="dim")
        )
    for record in {record.spec.label: record for record in records if record.parameters}.values():
        asked, have = record.spec.asked.get("params"), sum(record.parameters.values())
        if asked and abs(have - asked) / asked > CLOSE:
            notes.append(Text(f"{record.spec.label} has {have:,} parameters where {asked:,} were asked", style="red"))
    return Group(*notes, *_failures(records))


def _failures(records: Sequence[Record]) -> Iterator[Text]:
    """Why runs failed; a reason that came more than once is told once."""
    lengths: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for record in records:
        if record.status != "ok":
            lengths[record.spec.label, record.status, record.reason].add(record.spec.length)
    for (label, status, reason), at in lengths.items():
        yield Text(f"{label} at {', '.join(map(str, sorted(at)))}: {status}: {reason}", style="red")


def _chart(records: Sequence[Record], console: Console) -> Group | None:
    """Accuracy against length, lengths equally spaced where they grow geometrically; None with a single length."""
    lengths = _points([record for record in records if record.accuracy is not None])
    if len(lengths) < 2:
        return None
    position = {length: math.log(length) for length in lengths}
    _axes(position, min(console.width, 80))
    lines = [("chance", CHANCE, _CHANCE_MARKER), *_looks(_labels(records))]
    for label, hue, marker in lines:
        points = ((position[length], _point(records, label, length)) for length in lengths)
        if known := [point for point in points if point[1] is not None]:
            plotext.plot(*zip(*known, strict=True), color=tuple(bytes.fromhex(hue[1:])), marker=marker)
    legend = Text("   ").join(Text(f"{marker * 2} {label}", style=hue) for label, hue, marker in [*lines[1:], lines[0]])
    return Group(Text.from_ansi(plotext.build().rstrip()), Text("     ") + legend)


def _axes(position: dict[int, float], width: int) -> None:
    plotext.clear_figure()
    for setting in (plotext.canvas_color, plotext.axes_color, plotext.ticks_color):
        setting("default")  # the terminal's own
    plotext.plotsize(width, 16)
    plotext.ylim(0, 1)
    plotext.yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    plotext.xticks(list(position.values()), [str(length) for length in position])
    plotext.xlabel("sequence length")
    plotext.title("test accuracy")


def _looks(labels: Sequence[str]) -> list[tuple[str, str, str]]:
    """Label, colour and marker; the colours are the dashboard's, but for two labels that share one there."""
    taken: list[str] = []
    for label in labels:
        free = [hue for hue in PALETTE.values() if hue not in taken]
        taken.append(colour(label) if colour(label) in free or not free else free[0])
    return [(label, hue, _MARKERS[i % len(_MARKERS)]) for i, (label, hue) in enumerate(zip(labels, taken, strict=True))]


def _point(records: Sequence[Record], label: str, length: int) -> float | None:
    if label == "chance":
        return _chance(records, length)
    values = _values([r for r in records if r.spec.label == label and length in r.spec.points], length)
    return fmean(values) if values else None
