"""The verdict of `harness inspect` in the terminal: what was found in words, and a small chart of gradients by lag."""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.analysis.colours import colour
from harness.analysis.inspections import ArchitectureInspection, summarise_inspections
from harness.report import Results

_BARS = " ▁▂▃▄▅▆▇█"
_DECADES = 8  # a full bar is the gradient of the last input, an empty one 10^-8 of it
_WIDTH = 60


def show(results: Results, folder: Path) -> list[Path]:
    """Prints sentences and a line of bars for each architecture. Writes no file."""
    console = Console()
    summary = summarise_inspections(results.inspections)
    console.print(Text(f"Inside models of {summary.task_label}, T={summary.length}", style="bold"))
    for sentence in summary.comparisons:
        console.print(Text(sentence, style="bold"))
    for one in summary.architectures:
        for sentence in one.sentences:
            console.print(Text(f"- {sentence}"))
    width = max(len(one.label) for one in summary.architectures)
    console.print(Text("\ngradient by lag, from the last input (left) to the first (right):", style="bold"))
    for one in summary.architectures:
        for when, line in (("start  ", one.gradient_at_start), ("trained", one.gradient)):
            bars = _bars([share for lag, share in zip(line.x, line.middle, strict=True) if lag >= 0])
            console.print(Text(f"{one.label:<{width}} {when} ").append(bars, style=colour(one.label)))
    console.print(Text(f"a full bar: all of it; an empty one: less than 1e-{_DECADES} of it", style="dim"))
    for what, why in _left_out(summary.architectures):
        console.print(Text(f"left out: {what}: {why}", style="dim"))
    return []


def _bars(shares: list[float]) -> str:
    every = max(1, math.ceil(len(shares) / _WIDTH))
    return "".join(_bar(share) for share in shares[::every])


def _bar(share: float) -> str:
    if share <= 0:
        return _BARS[0]
    height = 1 + math.log10(share) / _DECADES
    return _BARS[max(0, min(len(_BARS) - 1, round(height * (len(_BARS) - 1))))]


def _left_out(architectures: list[ArchitectureInspection]) -> list[tuple[str, str]]:
    return [(f"{one.label}, {what}", why) for one in architectures for what, why in one.left_out.items()]
