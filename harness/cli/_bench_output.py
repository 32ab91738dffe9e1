"""What `harness bench` prints: measurements, growth with length, differences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.bench.comparison import TimingChange, noise
from harness.bench.measurement import Measurement
from harness.bench.request import PASSES
from harness.bench_record import Row

_KERNELS = (
    "This table compares kernels, not architectures: on a CPU some are one compiled loop and others many small "
    "operations (column kernel). A cell that is written step by step is many small operations."
)
_BUSY = 1.2  # times the CPU time
_COLUMNS = (
    "architecture",
    "length",
    "pass",
    "ms",
    "quartiles",
    "tokens/s",
    "GFLOP/s",
    "of product",
    "memory",
    "parameters",
    "state",
    "kernel",
)
_DETAILS = ("quartiles", "GFLOP/s", "of product", "parameters", "state")


def rows(measured: Measurement, details: bool = False) -> None:
    """The measurements, and the notes that explain them; `details`: every column, which 80 characters do not hold."""
    console = _console()
    console.print(_table(measured.rows, measured.request.memory, details))
    for label, kinds in _by_label(measured).items():
        console.print(Text(f"{label} grows with length: {kinds}"), soft_wrap=True)
    for line in _notes(measured, details):
        console.print(Text(line), soft_wrap=True)


def changes(found: Sequence[TimingChange]) -> None:
    """Each timed pass relative to the saved measurement."""
    table = _columns("architecture", "length", "pass", "now / before", "noise up to", "p", "")
    for one in found:
        style = {"slower": "red", "faster": "green", "same": ""}[one.verdict]
        verdict = one.verdict if one.verdict != "same" else "no difference found"
        cells = (f"{one.ratio:.3f}", f"{one.floor:.3f}", f"{one.p:.2g}", verdict)
        table.add_row(one.label, str(one.length), PASSES[one.kind], *cells, style=style)
    _console().print(table)


def _table(found: Sequence[Row], with_memory: bool, details: bool) -> Table:
    shown = [name for name in _COLUMNS if (details or name not in _DETAILS) and (with_memory or name != "memory")]
    table = _columns(*shown)
    for row in found:
        cells = _cells(row)
        table.add_row(*(Text(cells[name]) for name in shown))
    return table


def _cells(row: Row) -> dict[str, str]:
    """By column; the reason stands in the place of the kernel where there is no time."""
    cells = dict.fromkeys(_COLUMNS, "")
    cells |= {"architecture": row.label, "length": str(row.length), "pass": PASSES[row.kind]}
    if row.reason:
        return {**cells, "ms": "-", "kernel": row.reason}
    return {
        **cells,
        "ms": f"{row.seconds * 1e3:.3g}",
        "quartiles": f"{row.quarter * 1e3:.3g}-{row.three_quarters * 1e3:.3g}",
        "tokens/s": f"{row.tokens_per_second:,.0f}",
        "GFLOP/s": f"{row.flops_per_second / 1e9:.3g}",
        "of product": f"{row.of_product:.1%}",
        "memory": "-" if row.memory is None else f"{row.memory / 2**20:.3g} MiB",
        "parameters": f"{row.parameters:,}",
        "state": "-" if row.state_size is None else str(row.state_size),
        "kernel": row.kernel,
    }


def _by_label(measured: Measurement) -> dict[str, str]:
    told: dict[str, list[str]] = {}
    for (label, kind), (time, memory) in measured.slopes.items():
        held = f", memory T^{memory:.2f}" if memory is not None else ""
        told.setdefault(label, []).append(f"{PASSES[kind]} T^{time:.2f}{held}")
    return {label: "; ".join(kinds) for label, kinds in told.items()}


def _notes(measured: Measurement, details: bool) -> list[str]:
    there = measured.environment
    lines = [
        f"{there['cpu']}, {there['device.name']}, threads: {there['threads']}, cores: {there['cores']}, torch "
        f"{there['version.torch']}, denormals flushed; times are {there['timer']}, medians of all samples.",
    ]
    if details:
        lines.append(
            f"A product of large matrices on this machine: {measured.product / 1e9:,.3g} GFLOP/s (column of product). "
            "FLOP are those of matrix products, counted without fused kernels."
        )
    by = noise(measured)
    if math.isfinite(by):
        lines.append(
            f"Processes that measure the same differ by up to {by:.1%} (A/A, 19 of 20). Between sessions, differences "
            "from 5% on are reported."
        )
    else:
        lines.append("One process says nothing about how much processes differ: --processes 3.")
    if not details:
        lines.append("More columns (quartiles, FLOP, parameters, state): --details.")
    if there["timer"] == "CPU time" and measured.clock_over_cpu > _BUSY:
        lines.append(f"The machine had other load: wall times were {measured.clock_over_cpu:.1f} times as long.")
    return [*lines, *([_KERNELS] if there["device"] == "cpu" else [])]


def _columns(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    left = ("architecture", "pass", "kernel", "")
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=name != "kernel")
    return table


def _console() -> Console:
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else 200
    return console
