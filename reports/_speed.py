"""Speed and memory against length, as `harness bench` measured them, beside accuracy against length."""

from __future__ import annotations

from collections.abc import Sequence

from harness.bench_record import Row

from . import _words as words
from ._tables import Table, TableCell

NOTE = (
    "Whole training steps, medians, by harness bench. Speeds compare kernels, not architectures: on a CPU some are "
    "loops in one piece, others many small operations. Memory is the peak beyond model and batch."
)
_COLUMNS = (
    "architecture",
    "length",
    "ms a step",
    "tokens/s",
    "of the machine's rate",
    "memory, MiB",
    "kernel",
    "batch",
    "hidden_size",
    "machine",
)


def table(speeds: Sequence[Row]) -> Table:
    """One row for each architecture and length, those that failed with their reason."""
    return Table("Speed and memory", _COLUMNS, [_row(one) for one in steps(speeds)], 1, NOTE)


def steps(speeds: Sequence[Row]) -> list[Row]:
    return [one for one in speeds if one.kind == "step"]


def _mebibytes(size: int) -> str:
    mebibytes = size / 2**20
    return f"{mebibytes:,.0f}" if mebibytes >= 1000 else f"{mebibytes:.3g}"


def _row(one: Row) -> list[TableCell]:
    length = TableCell(f"{one.length:,}", one.length)
    settings = [TableCell(str(one.batch_size), one.batch_size), TableCell(str(one.hidden_size), one.hidden_size)]
    if one.reason:
        missing = [TableCell(words.UNKNOWN)] * 4
        return [TableCell(one.label), length, *missing, TableCell(one.reason), *settings, TableCell(one.machine)]
    held = TableCell(words.UNKNOWN) if one.memory is None else TableCell(_mebibytes(one.memory), one.memory)
    return [
        TableCell(one.label),
        length,
        TableCell(f"{one.seconds * 1e3:.3g}", one.seconds),
        TableCell(words.count(one.tokens_per_second), one.tokens_per_second),
        TableCell(words.percent(one.of_product), one.of_product),
        held,
        TableCell(one.kernel),
        *settings,
        TableCell(one.machine),
    ]
