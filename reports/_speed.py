"""Speed and memory against length, as `harness bench` measured them, beside accuracy against length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from harness.colours import colour
from harness.speed.row import Row

from . import _words as words
from ._axes import legend, place_lengths
from ._figures import Drawn
from ._tables import Cell, Table

NOTE = (
    "Whole training steps, medians, by harness bench. On a CPU torch fuses the LSTM only: speeds compare kernels, not "
    "architectures. Memory is the peak beyond model and batch."
)
_COLUMNS = ("architecture", "length", "ms a step", "tokens/s", "of the machine's rate", "memory, MiB", "kernel",
            "batch", "hidden_size", "machine")  # fmt: skip
_SIZE = 5.4, 2.8  # inches


def table(speeds: Sequence[Row]) -> Table:
    """One row for each architecture and length, those that failed with their reason."""
    return Table("Speed and memory", _COLUMNS, [_row(one) for one in _steps(speeds)], 1, NOTE)


def figures(speeds: Sequence[Row]) -> Iterator[Drawn]:
    """Time of a step against length, and memory where it was measured; call within a style."""
    rows = [one for one in _steps(speeds) if not one.reason]
    points = {name: {label: _line(rows, label, value) for label in dict.fromkeys(one.label for one in rows)}
              for name, value in (("ms a step", "seconds"), ("memory, MiB", "memory"))}  # fmt: skip
    for (title, lines), name in zip(points.items(), ("speed", "memory"), strict=True):
        if any(lines.values()):
            yield _drawn(name, title, {label: line for label, line in lines.items() if line})


def _drawn(name: str, title: str, lines: dict[str, list[tuple[int, float]]]) -> Drawn:
    alt = f"{title} of a training step by length for {', '.join(lines)}; the table has the numbers."
    drawn = Drawn(name, name, f"{title}, by length", alt, Figure())
    drawn.figure.set_size_inches(*_SIZE)
    axes: Axes = drawn.figure.add_subplot()
    place_lengths(axes, sorted({length for line in lines.values() for length, _ in line}))
    for label, line in lines.items():
        axes.plot(*zip(*line, strict=True), color=colour(label), label=label)
        for length, value in line:
            mark = drawn.says(f"{label}, T={length}: {value:.3g} {title}")
            axes.plot([length], [value], "o", color=colour(label), gid=mark)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # not a formula
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("sequence length")
    axes.set_ylabel(title)
    legend(drawn.figure, axes)
    return drawn


def _steps(speeds: Sequence[Row]) -> list[Row]:
    return [one for one in speeds if one.kind == "step"]


def _line(rows: Sequence[Row], label: str, value: str) -> list[tuple[int, float]]:
    factor = 1e3 if value == "seconds" else 2**-20
    mine = ((one.length, getattr(one, value)) for one in rows if one.label == label)
    return [(length, found * factor) for length, found in mine if found]


def _mebibytes(size: int) -> str:
    mebibytes = size / 2**20
    return f"{mebibytes:,.0f}" if mebibytes >= 1000 else f"{mebibytes:.3g}"


def _row(one: Row) -> list[Cell]:
    length = Cell(f"{one.length:,}", one.length)
    settings = [Cell(str(one.batch_size), one.batch_size), Cell(str(one.hidden_size), one.hidden_size)]
    if one.reason:
        missing = [Cell(words.UNKNOWN)] * 4
        return [Cell(one.label), length, *missing, Cell(one.reason), *settings, Cell(one.machine)]
    held = Cell(words.UNKNOWN) if one.memory is None else Cell(_mebibytes(one.memory), one.memory)
    return [
        Cell(one.label),
        length,
        Cell(f"{one.seconds * 1e3:.3g}", one.seconds),
        Cell(words.count(one.tokens_per_second), one.tokens_per_second),
        Cell(words.percent(one.of_product), one.of_product),
        held,
        Cell(one.kernel),
        *settings,
        Cell(one.machine),
    ]
