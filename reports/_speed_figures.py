"""Speed and memory against length, drawn, as `harness bench` measured them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from harness.analysis.colours import colour
from harness.bench_record import Row

from ._axes import legend, place_lengths
from ._drawing import Drawn
from ._speed import steps

_SIZE = 5.4, 2.8  # inches


def figures(speeds: Sequence[Row]) -> Iterator[Drawn]:
    """Time of a step against length, and memory where it was measured; call within a style."""
    rows = [one for one in steps(speeds) if not one.reason]
    labels = list(dict.fromkeys(one.label for one in rows))
    for name, title, value in (("speed", "ms a step", "seconds"), ("memory", "memory, MiB", "memory")):
        lines = {label: line for label in labels if (line := _line(rows, label, value))}
        if lines:
            yield _drawn(name, title, lines)


def _drawn(name: str, title: str, lines: dict[str, list[tuple[int, float]]]) -> Drawn:
    alt = f"{title} of a training step by length for {', '.join(lines)}; the table has the numbers."
    drawn = Drawn(name, "", f"{title}, by length", alt)
    drawn.figure.set_size_inches(*_SIZE)
    axes: Axes = drawn.figure.add_subplot()
    place_lengths(axes, sorted({length for line in lines.values() for length, _ in line}))
    for label, line in lines.items():
        axes.plot(*zip(*line, strict=True), color=colour(label), label=label)
        for length, value in line:
            mark = drawn.mark(f"{label}, T={length}: {value:.3g} {title}")
            axes.plot([length], [value], "o", color=colour(label), gid=mark)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # not a formula
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("sequence length")
    axes.set_ylabel(title)
    legend(drawn.figure, axes)
    return drawn


def _line(rows: Sequence[Row], label: str, value: str) -> list[tuple[int, float]]:
    factor = 1e3 if value == "seconds" else 2**-20
    mine = ((one.length, getattr(one, value)) for one in rows if one.label == label)
    return [(length, found * factor) for length, found in mine if found]
