"""What `harness run --dry-run` prints: planned, finished and refused runs, and about how long the rest takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.sweeps.preview import Preview


def show(previews: Sequence[Preview], jobs: int, recommended: Mapping[str, Mapping[str, Any]]) -> None:
    """`recommended`: by architecture, the settings that it recommends and that no flag overrides."""
    table = Table()
    for name in ("task", "architecture"):
        table.add_column(name, overflow="fold")
    for name in ("parameters", "hidden", "state", "to run", "about"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in previews:
        left = row.planned - row.done
        time = "-" if row.trouble or not left else duration(row.seconds / jobs)
        parameters, state = ("-" if number is None else f"{number:,}" for number in (row.parameters, row.state_size))
        hidden = "..".join(map(str, dict.fromkeys((row.hidden_sizes[0], row.hidden_sizes[-1]))))
        runs = f"{left} of {row.planned}"
        table.add_row(Text(row.task_label), Text(row.label), parameters, hidden, state, runs, time)
    console = Console()
    console.print(table)
    for row in previews:
        if row.trouble:
            console.print(Text(f"{row.label} on {row.task_label}: {row.trouble}", style="red"))
        if row.compiled:
            said = f"{row.label}: about {row.compiled:.1f} times as fast with --execution compile"
            console.print(Text(f"{said}, which rounds otherwise"))
    for label, settings in recommended.items():
        words = ", ".join(f"{name}={value}" for name, value in settings.items())
        console.print(Text(f"{label}: {words}, as it recommends; a flag overrides it"))
    planned, done = sum(row.planned for row in previews), sum(row.done for row in previews)
    seconds = sum(row.seconds for row in previews) / jobs
    jobs_text = f"{jobs} at the same time"
    console.print(
        f"{planned} run{'s' if planned != 1 else ''} planned, {done} finished before; "
        f"the rest takes about {duration(seconds)}, {jobs_text}"
    )


def duration(seconds: float) -> str:
    """Seconds as a short text: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
