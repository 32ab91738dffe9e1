"""The answer in the terminal: what the numbers say, a table of accuracy by length next to chance, a chart of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analysis import stats, verdict
from harness.analysis.aggregation import sound, summarise
from harness.analysis.colours import CHANCE, PALETTE, colour
from harness.analysis.stats import Interval
from harness.analysis.summary import LengthSummary, TaskSummary
from harness.record import CLOSE, Record
from harness.report import Results

from . import _speed, _tables
from . import _words as words
from ._chart import Series, chart
from ._terminal_tables import Row, content_table, length_tables

_MARKERS = "ox+*#@%&"  # a line differs from another without its colour too
_CHANCE_MARKER = "·"


def show(results: Results, folder: Path) -> list[Path]:
    """Prints sentences, tables and a chart for each task; accuracies are on test data. Writes no file."""
    console = Console()
    by_task: dict[str, list[Record]] = defaultdict(list)
    for record in map(sound, results.records):
        by_task[record.spec.task_label].append(record)
    if older := verdict.outdated(results):
        console.print(Text(older, style="yellow"))
    for task in summarise(results).tasks:
        _show_task(console, task, by_task[task.label])
    if unlike := verdict.kernels(results):
        console.print(Text(unlike, style="dim"))
    if results.speeds:
        for part in content_table(_speed.table(results.speeds)):
            console.print(part)
    return []


def _show_task(console: Console, task: TaskSummary, records: Sequence[Record]) -> None:
    trained_on = f", trained on {task.trained_on}" if task.trained_on else ""
    console.print(Text(f"{task.label}: test accuracy by length{trained_on}, {_means(task)}", style="bold"))
    for sentence in verdict.sentences(task):
        console.print(Text(sentence))
    _print(console, length_tables(console.width, "length", task.lengths, _accuracy(task)))
    for note in _notes(task, records, coloured=console.color_system is not None):
        console.print(note)
    if len(task.lengths) > 1 and task.ran:
        for line in chart(*_series(task), console.width):
            console.print(line, highlight=False)
    if task.solved_at >= 1 and any(at.bits is not None for one in task.ran for at in one.lengths.values()):
        console.print(Text(f"{task.label}: bits for one answer (for a text: for one character)", style="bold"))
        _print(console, length_tables(console.width, "length", task.lengths, _bits(task)))
    if task.is_written:
        for part in content_table(_tables.exposure(task)):
            console.print(part)
    if any(one.at_other_lengths for one in task.architectures):
        console.print(Text(f"{task.label}: length generalisation, {_means(task)}", style="bold"))
        _print(console, _generalisation(task, console.width))
        console.print(Text("* the length trained at", style="dim"))


def _print(console: Console, tables: Sequence[Table]) -> None:
    for table in tables:
        console.print(table)


def _means(task: TaskSummary) -> str:
    if task.seeds == 1:
        return "1 seed"
    beside = "[95% interval]" if task.seeds >= stats.FEW else "lowest..highest"
    return f"mean over {task.seeds} seeds, {beside}"


def _accuracy(task: TaskSummary) -> list[Row]:
    """At the lengths of the curve: a row for each architecture and variant, chance below."""
    rows = [
        Row([one.label], {n: _cell(one.lengths.get(n), task.seeds, one.refused) for n in task.lengths})
        for one in task.architectures
    ]
    return [*rows, _chance(task, ["chance"], task.lengths)]


def _bits(task: TaskSummary) -> list[Row]:
    """For what is never solved wholly, as a text: the mean over seeds."""
    rows = []
    for one in task.architectures:
        found = {n: at.bits for n, at in one.lengths.items() if at.bits is not None}
        rows.append(Row([one.label], {n: Text(f"{found[n]:.3f}" if n in found else "-") for n in task.lengths}))
    return rows


def _generalisation(task: TaskSummary, width: int) -> list[Table]:
    """At every length tested at: a row for each architecture, variant and length trained at, chance below."""
    found = [(one, n, tested) for one in task.architectures for n, tested in one.at_other_lengths.items()]
    lengths = sorted({length for *_, tested in found for length in tested})
    rows = []
    for one, trained, tested in found:
        cells = {n: _cell(tested.get(n), task.seeds) for n in lengths}
        cells[trained] = Text("*") + cells[trained]
        rows.append(Row([one.label, f"{trained}"], cells))
    return length_tables(width, "trained at", lengths, [*rows, _chance(task, ["chance", ""], lengths)])


def _chance(task: TaskSummary, heads: list[str], lengths: Sequence[int]) -> Row:
    return Row(heads, {n: Text(words.percent(task.chances.get(n)), style="dim") for n in lengths}, last=True)


def _cell(at: LengthSummary | None, seeds: int, refused: str = "") -> Text:
    """Mean and spread over seeds, or how many solve the length where they differ; green where the length is solved."""
    if at is None:
        return Text("refused", style="red") if refused else Text("-", style="dim")
    if at.all_failed:
        return Text("\n".join(dict.fromkeys(at.failures.values())), style="red")
    lines = [f"{at.mean:.1%}"]
    if at.mixed:
        lines = [f"{at.solving}/{at.seeds} solve", f"mean {at.mean:.0%}"]
    if at.interval:
        lines.append(f"[{_around(at.mean, at.interval)}]")
    elif at.range and not at.mixed:
        lines.append(_around(at.mean, at.range))
    if at.failed:
        lines.append(f"{at.failed} failed")
    if at.seeds < seeds:
        lines.append(f"{at.seeds} of {seeds}")
        lines.append("seeds")
    return Text("\n".join(lines), style="bold green" if at.solved else "")


def _around(mean: float, spread: Interval) -> str:
    """'91..97' in percent; '99.6..99.8' where whole numbers would not contain the mean."""
    low, high = 100 * spread.low, 100 * spread.high
    decimals = 0 if round(low) <= round(100 * mean, 1) <= round(high) else 1
    return f"{low:.{decimals}f}..{high:.{decimals}f}"


def _notes(task: TaskSummary, records: Sequence[Record], coloured: bool) -> Iterator[Text]:
    """What a reader must know to read the table."""
    known = [one for one in task.architectures if one.parameters]
    if known:
        sizes = (f"{one.label}: {words.count(one.parameters)} ({words.hidden_sizes(one)})" for one in known)
        yield Text(f"parameters (hidden_size): {', '.join(sizes)}", style="dim")
    if task.chance_is:
        yield Text(f"chance: {task.chance_is}", style="dim")
    if coloured and any(at.solved for one in task.ran for at in one.lengths.values()):
        yield Text(f"green: solved, the median seed reaches {task.solved_at:.0%} on test data", style="dim")
    for record in {record.spec.label: record for record in records if record.parameters}.values():
        asked, have = record.spec.asked.get("params"), sum(record.parameters.values())
        if asked and abs(have - asked) / asked > CLOSE:
            yield Text(f"{record.spec.label} has {have:,} parameters where {asked:,} were asked", style="red")
    yield from _failures(records)


def _failures(records: Sequence[Record]) -> Iterator[Text]:
    """Why runs failed or were refused; a reason that several share is given once."""
    lengths: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for record in records:
        if record.status not in ("ok", "interrupted"):
            lengths[record.spec.label, record.status, record.reason].add(record.spec.length)
    for (label, status, reason), at in lengths.items():
        yield Text(f"{label} at {', '.join(map(str, sorted(at)))}: {status}: {reason}", style="red")


def _series(task: TaskSummary) -> tuple[list[Series], Series]:
    """The means of each architecture, and chance."""
    lines = []
    for one, (hue, marker) in zip(task.ran, _looks([one.label for one in task.ran]), strict=True):
        points = {n: at.mean for n, at in one.lengths.items() if not at.all_failed}
        lines.append(Series(one.label, hue, marker, points))
    chances = {n: task.chances[n] for n in task.lengths if n in task.chances}
    return lines, Series("chance", CHANCE, _CHANCE_MARKER, chances)


def _looks(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Colour and marker of each; colours are those of the page and of MLflow, but where two labels share one there."""
    taken: list[str] = []
    for label in labels:
        free = [hue for hue in PALETTE.values() if hue not in taken]
        taken.append(colour(label) if colour(label) in free or not free else free[0])
    return [(hue, _MARKERS[index % len(_MARKERS)]) for index, hue in enumerate(taken)]
