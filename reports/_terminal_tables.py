"""Tables in the terminal: lengths side by side, as many as the width holds, the rest in a table below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ._tables import Table as Content

_BORDERS = (3, 2)  # characters between two cells: a space, the line, a space; without the last where room is short
_EMPTY = "-"
_SAID_ONCE = ("kernel", "batch", "hidden_size", "machine")  # under the table, where all rows have the same


@dataclass(frozen=True)
class Row:
    """What names the row, and a cell for each length; `last`: a line separates it from the rows above."""

    heads: Sequence[str]
    cells: Mapping[int, Text]
    last: bool = False


def length_tables(width: int, name: str, lengths: Sequence[int], rows: Sequence[Row]) -> list[Table]:
    """One table, or several below each other where the terminal is too narrow for all lengths; no cell is broken."""
    titles = [""] * (len(rows[0].heads) - 1) + [name]
    chunks = min((_chunks(width, titles, lengths, rows, border) for border in _BORDERS), key=len)
    border = next(border for border in _BORDERS if _chunks(width, titles, lengths, rows, border) == chunks)
    return [_table(titles, some, [row for row in rows if _has_content(row, some)], border) for some in chunks]


def _chunks(
    width: int, titles: Sequence[str], lengths: Sequence[int], rows: Sequence[Row], border: int
) -> list[list[int]]:
    """The lengths that fit side by side, in order."""
    left = 1 + sum(_width([title, *(row.heads[place] for row in rows)]) + border for place, title in enumerate(titles))
    chunks: list[list[int]] = [[]]
    used = left
    for length in lengths:
        needed = _width([str(length), *(row.cells[length].plain for row in rows)]) + border
        if chunks[-1] and used + needed > width:
            chunks.append([])
            used = left
        chunks[-1].append(length)
        used += needed
    return chunks


def _has_content(row: Row, lengths: Sequence[int]) -> bool:
    return row.last or any(row.cells[length].plain != _EMPTY for length in lengths)


def _table(titles: Sequence[str], lengths: Sequence[int], rows: Sequence[Row], border: int) -> Table:
    table = Table(padding=(0, border - 2, 0, 1))
    for title in titles:
        table.add_column(title, overflow="fold")
    for length in lengths:
        table.add_column(f"{length}", justify="right", no_wrap=True)
    for row in rows:
        if row.last:
            table.add_section()
        heads = (Text(head, style="dim" if row.last else "") for head in row.heads)
        table.add_row(*heads, *(row.cells[length] for length in lengths))
    return table


def _width(texts: Sequence[str]) -> int:
    return max(len(line) for text in texts for line in (text.splitlines() or [""]))


def content_table(content: Content) -> Iterator[RenderableType]:
    """A table of a report; what `harness bench` has the same in all rows stands once, under them."""
    columns = [[cell.text for cell in cells] for cells in zip(*content.rows, strict=True)]
    alike = {
        name: cells[0]
        for name, cells in zip(content.columns, columns, strict=True)
        if name in _SAID_ONCE and len(set(cells)) == 1
    }
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))  # 80 columns hold it so
    for name, numeric in zip(content.columns, content.numeric, strict=True):
        if name not in alike:
            word = max(map(len, name.split()))  # a heading is not cut within a word
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", min_width=word)
    for row in content.rows:
        cells = zip(content.columns, row, strict=True)
        table.add_row(*(Text(cell.text) for name, cell in cells if name not in alike))
    yield Text(content.caption, style="bold")
    yield table
    if alike:
        yield Text(", ".join(f"{name} {value}" for name, value in alike.items()))
    yield Text(content.note, style="dim")
