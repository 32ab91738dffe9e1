"""A chart of characters for the terminal: rows at even distances, a mark for every measured point, none hidden."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rich.text import Text

ROWS = 13  # of the plot, so that 0, 25, 50, 75 and 100% are three rows apart
_EVERY = 3
_LABEL = 6  # characters before the plot: '100% '
_LINE = "."


class Series(NamedTuple):
    """Points by length, 0 to 1, and how they are drawn."""

    label: str
    colour: str
    marker: str
    points: Mapping[int, float]


class _Dot(NamedTuple):
    character: str
    colour: str


_Canvas = dict[tuple[int, int], _Dot]
"""What is drawn, by row (0 at the top) and column."""


def chart(series: Sequence[Series], background: Series, width: int) -> list[Text]:
    """The chart and its legend, `width` columns wide.

    Where several points fall on one place they stand side by side, in the order of the legend. Lengths lie on a
    logarithmic axis. `background` (chance) is drawn first, as a line that points may cover.
    """
    lengths = sorted({length for one in (*series, background) for length in one.points})
    room = max(width - _LABEL - 2, 10)
    columns = _columns(lengths, room)
    canvas: _Canvas = {}
    for one in series:
        _connect(canvas, one, columns, _LINE)
    _connect(canvas, background, columns, background.marker)
    points = {_place(columns, length, value) for one in series for length, value in one.points.items()}
    for place in points:
        canvas.pop(place, None)
    marks: _Canvas = {}
    for one in series:
        for length, value in one.points.items():
            marks[_free(marks, _place(columns, length, value), room)] = _Dot(one.marker, one.colour)
    canvas |= marks
    last = max([*columns.values(), *(column for _, column in canvas)])
    return [*_rows(canvas, last), *_axis(columns, last), *_legend([*series, background], width)]


def _columns(lengths: Sequence[int], room: int) -> dict[int, int]:
    """The column of each length, on a logarithmic axis that leaves a margin for points side by side."""
    margin = min(4, room // 6)
    if len(lengths) == 1:
        return {lengths[0]: room // 2}
    span = math.log(lengths[-1] / lengths[0])
    return {n: margin + round(math.log(n / lengths[0]) / span * (room - 1 - 2 * margin)) for n in lengths}


def _place(columns: Mapping[int, int], length: int, value: float) -> tuple[int, int]:
    return round((ROWS - 1) * (1 - min(max(value, 0.0), 1.0))), columns[length]


def _free(taken: Iterable[tuple[int, int]], wanted: tuple[int, int], room: int) -> tuple[int, int]:
    """The nearest free place in the row; the wanted one where the row is full."""
    row, column = wanted
    used = {other for at, other in taken if at == row}
    free = [place for place in range(room) if place not in used]
    return row, min(free, key=lambda place: (abs(place - column), place), default=column)


def _connect(canvas: _Canvas, one: Series, columns: Mapping[int, int], character: str) -> None:
    """A straight line between neighbouring points; a line that is there already stays."""
    places = [_place(columns, length, one.points[length]) for length in sorted(one.points)]
    for (row, column), (next_row, next_column) in itertools.pairwise(places):
        for step in range(next_column - column + 1):
            share = step / max(next_column - column, 1)
            canvas.setdefault((round(row + share * (next_row - row)), column + step), _Dot(character, one.colour))


def _rows(canvas: _Canvas, last: int) -> list[Text]:
    lines = []
    for row in range(ROWS):
        ticked = row % _EVERY == 0
        line = Text(f"{100 * (1 - row / (ROWS - 1)):>3.0f} %" if ticked else " " * 5)
        line.append("┤" if ticked else "│")
        for column in range(last + 1):
            dot = canvas.get((row, column))
            line.append(dot.character if dot else " ", style=dot.colour if dot else "")
        lines.append(line)
    return lines


def _axis(columns: Mapping[int, int], last: int) -> list[Text]:
    """The line below, a tick and the number of each length that has room for it, and what the axis is."""
    ticks = "".join("┬" if column in columns.values() else "─" for column in range(last + 1))
    numbers = ""
    for length, column in columns.items():
        text = str(length)
        start = max(column - len(text) // 2, 0)
        if start >= len(numbers) + bool(numbers):
            numbers = numbers.ljust(start) + text
    name = "sequence length"
    return [Text(" " * 5 + "└" + ticks), Text(" " * _LABEL + numbers), Text(name.center(last + 1 + _LABEL).rstrip())]


def _legend(series: Sequence[Series], width: int) -> list[Text]:
    """Markers and labels, as many in a line as fit."""
    lines = [Text(" " * _LABEL)]
    for one in series:
        entry = Text(f"{one.marker * 2} {one.label}   ", style=one.colour)
        if len(lines[-1]) + len(entry) > width and len(lines[-1]) > _LABEL:
            lines.append(Text(" " * _LABEL))
        lines[-1] += entry
    for line in lines:
        line.rstrip()
    return lines
