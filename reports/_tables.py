"""The tables of a report, whatever it is written as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.analysis.summary import Curve, Summary, TaskSummary
from harness.record import Record
from harness.report import Results

from . import _words as words
from ._learning import Learning

MOST = 300  # rows of a table of pairs or of failures; CSV and JSON hold them all


class Cell(NamedTuple):
    """What stands in a place of a table, what sorts it where that is not its text, and how dark it is, 0 to 1."""

    text: str
    key: float | None = None
    shade: float | None = None
    more: str = ""  # said smaller, under it


@dataclass(frozen=True)
class Table:
    """Rows under columns; `heads`: how many columns at the left name the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    heads: int = 1
    note: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether a column holds numbers, and is set to the right."""
        by_column = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return [index >= self.heads and any(c.key is not None for c in cells) for index, cells in enumerate(by_column)]


def horizons(summary: Summary) -> Table:
    """Architecture against task: the longest length solved, shaded by the score."""
    labels = list(dict.fromkeys(curve.label for task in summary.tasks for curve in task.curves))
    curves = {(task.label, curve.label): curve for task in summary.tasks for curve in task.curves}
    order = sorted(labels, key=lambda label: summary.ranks.get(label, len(labels)))
    rows = [[Cell(label), *(_heat(curves.get((t.label, label))) for t in summary.tasks)] for label in order]
    columns = ["architecture", *(task.label for task in summary.tasks)]
    note = "The longest length solved, and the score: 0 at chance, 1 perfect, mean over lengths and seeds."
    return Table("Horizon and score by architecture and task", columns, rows, note=note)


def _heat(curve: Curve | None) -> Cell:
    if curve is None:
        return Cell(words.UNKNOWN)
    if not curve.cells:
        return Cell(words.horizon(curve))
    shade = max(0.0, curve.score or 0.0)
    return Cell(f"{curve.horizon or 'none'}", curve.horizon or 0, shade, f"score {words.score(curve.score)}")


def accuracy(task: TaskSummary) -> Table:
    """Every cell of a task, in full."""
    columns = ("architecture", "length", "mean", "95 %", "interquartile mean", "95 %", "median", "without failed",
               "solved", "95 %", "failed", "chance")  # fmt: skip
    rows = [
        [
            Cell(curve.label),
            Cell(f"{n}", n),
            Cell(words.percent(cell.mean), cell.mean),
            Cell(words.percents(cell.interval)),
            Cell(words.percent(cell.interquartile_mean), cell.interquartile_mean),
            Cell(words.percents(cell.interquartile_interval)),
            Cell(words.percent(cell.median), cell.median),
            Cell(words.percent(cell.mean_without_failed), cell.mean_without_failed),
            Cell(f"{cell.solved} of {len(cell.scores)}", cell.solved / len(cell.scores)),
            Cell(words.percents(cell.solved_interval)),
            Cell(f"{cell.failed}", cell.failed),
            Cell(words.percent(cell.chance), cell.chance),
        ]
        for curve in task.curves
        for n, cell in curve.cells.items()
    ]
    note = "Test accuracy in percent over seeds, failed runs at chance. Intervals: bootstrap; of solved: Wilson."
    return Table(f"{task.label}: accuracy by architecture and length", columns, rows, 2, note)


def overview(task: TaskSummary) -> Table:
    """Architecture against length, for reading at a glance and for pasting."""
    rows = [
        [Cell(curve.label), Cell(words.horizon(curve), curve.horizon), *(_glance(curve, n) for n in task.lengths)]
        for curve in task.curves
    ]
    chances = [task.chances.get(n) for n in task.lengths]
    rows.append([Cell("chance"), Cell(""), *(Cell(words.percent(chance), chance) for chance in chances)])
    columns = ["architecture", "solved up to T", *(f"T={n}" for n in task.lengths)]
    means = "Means over seeds with 95 % interval" if task.seeds > 1 else "One seed, so no intervals"
    note = f"{means}; solved at {task.solved_at:.0%}; failed runs count as chance."
    return Table(f"{task.label}: test accuracy by length", columns, rows, note=note)


def _glance(curve: Curve, length: int) -> Cell:
    cell = curve.cells.get(length)
    if cell is None:
        return Cell(words.UNKNOWN)
    said = [words.percents(cell.interval)] if cell.interval else []
    said += [f"{cell.failed} failed"] if cell.failed else []
    return Cell(words.percent(cell.mean), cell.mean, more=", ".join(said))


def learning(task: TaskSummary, curves: Learning) -> Table:
    """Validation accuracy at the quarters of training."""
    rows = [
        [Cell(curve.label), Cell(f"{n}", n), *(_at(points, share) for share in (0.25, 0.5, 0.75, 1.0))]
        for curve in task.curves
        for n, points in sorted(curves.get(curve.label, {}).items())
    ]
    columns = ("architecture", "length", *(f"after {share} % of training" for share in (25, 50, 75, 100)))
    return Table(f"{task.label}: validation accuracy while training, mean over seeds", columns, rows, 2)


def _at(points: Sequence[tuple[int, float, float, float]], share: float) -> Cell:
    value = [point for point in points if point[0] <= share * points[-1][0]][-1:]
    return Cell(words.percent(value[0][1]), value[0][1]) if value else Cell(words.UNKNOWN)


def steps(task: TaskSummary) -> Table:
    rows = [
        [
            Cell(curve.label),
            Cell(f"{n}", n),
            Cell(words.steps(cell), cell.steps.median if cell.steps.median is not None else cell.budget + 1),
            Cell(words.steps_interval(cell)),
            Cell(f"{cell.steps.solved} of {cell.steps.of}", cell.steps.solved),
        ]
        for curve in task.curves
        for n, cell in curve.cells.items()
    ]
    columns = ("architecture", "length", "median steps", "95 %", "seeds that got there")
    note = "Until validation accuracy was over the threshold twice in a row; a seed that never was counts as longer."
    return Table(f"{task.label}: training steps to solve", columns, rows, 2, note)


def cost(task: TaskSummary) -> Table:
    """What the models are made of and what training them took."""
    rows = [
        [
            Cell(curve.label),
            Cell(f"{n}", n),
            Cell(words.count(curve.parameters), curve.parameters),
            Cell(words.count(curve.state_size), curve.state_size),
            Cell(words.count(cell.tokens_per_second), cell.tokens_per_second),
            Cell(words.seconds(cell.seconds), cell.seconds),
        ]
        for curve in task.curves
        for n, cell in curve.cells.items()
    ]
    columns = ("architecture", "length", "parameters", "state size", "tokens per second", "wall time of a run")
    note = "Speeds are of this machine and its kernels: on a CPU they compare implementations, not architectures."
    return Table(f"{task.label}: size and speed", columns, rows, 2, note)


def generalisation(task: TaskSummary) -> Table:
    tested = sorted({n for curve in task.curves for by_length in curve.elsewhere.values() for n in by_length})
    rows = [
        [Cell(curve.label), Cell(f"{trained}", trained), *(_tested(values, n, trained) for n in tested)]
        for curve in task.curves
        for trained, values in curve.elsewhere.items()
    ]
    columns = ("architecture", "trained at", *(f"T={n}" for n in tested))
    return Table(f"{task.label}: accuracy at other lengths", columns, rows, 2, "* the length trained at")


def _tested(values: Mapping[int, float], length: int, trained: int) -> Cell:
    if length not in values:
        return Cell("")
    return Cell(words.percent(values[length]) + ("*" if length == trained else ""), values[length])


def pairs(task: TaskSummary) -> Table:
    """Every pair of a task, the surest first."""
    ordered = sorted(task.pairs, key=lambda pair: 2.0 if pair.p is None else pair.p)
    rows = [
        [
            Cell(pair.first),
            Cell(pair.second),
            Cell(f"{pair.paired.difference:+.3f}", pair.paired.difference),
            Cell(words.scores(pair.paired.interval)),
            Cell(f"{pair.paired.better:.0%}", pair.paired.better),
            Cell(words.UNKNOWN if pair.paired.p is None else f"{pair.paired.p:.3g}", pair.paired.p),
            Cell(words.UNKNOWN if pair.p is None else f"{pair.p:.3g}", pair.p),
            Cell(f"{pair.paired.seeds}", pair.paired.seeds),
            Cell("yes" if pair.told_apart else "no"),
        ]
        for pair in ordered[:MOST]
    ]
    columns = ("first", "second", "difference of scores", "95 %", "first better", "p", "p, Holm", "seeds", "told apart")
    note = "Paired by seed: exact sign-flip permutation test of the mean difference, corrected over all pairs (Holm)."
    return Table(f"{task.label}: pairs", columns, rows, 2, note + _cut(len(ordered)))


def ranks(summary: Summary) -> Table:
    rows = [
        [Cell(label), Cell(f"{rank:.2f}", rank)] for label, rank in sorted(summary.ranks.items(), key=lambda x: x[1])
    ]
    note = "By score on each task; architectures without a score on some task are left out."
    return Table("Mean rank over tasks, 1 the best", ("architecture", "mean rank"), rows, note=note)


def failures(records: Iterable[Record]) -> Table:
    """Why runs ended without a result, the reasons first; runs with the same reason in one row."""
    together: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for record in records:
        key = (record.reason or "no reason given", record.status, record.spec.label, record.spec.task_label)
        together[key].append((record.spec.length, record.spec.seed))
    rows = [[*map(Cell, key), Cell(_runs(runs))] for key, runs in sorted(together.items())]
    columns = ("reason", "what became of it", "architecture", "task", "runs")
    return Table("Failed and refused runs", columns, rows[:MOST], note=_cut(len(rows)).strip())


def missing(results: Results) -> Table:
    together: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for run in results.missing:
        together[run.task_label, run.label].append((run.length, run.seed))
    rows = [[*map(Cell, key), Cell(_runs(runs))] for key, runs in together.items()]
    return Table("Runs that are missing", ("task", "architecture", "runs"), rows[:MOST], 2, _cut(len(rows)).strip())


def _runs(runs: Iterable[tuple[int, int]]) -> str:
    """Lengths and seeds, lengths with the same seeds together: 'T=5, 10 seeds 0, 1; T=20 seed 3'."""
    seeds: dict[int, list[int]] = defaultdict(list)
    for length, seed in sorted(runs):
        seeds[length].append(seed)
    lengths: dict[str, list[str]] = defaultdict(list)
    for length, of_length in seeds.items():
        lengths[f"seed{'s' * (len(of_length) > 1)} {', '.join(map(str, of_length))}"].append(str(length))
    return "; ".join(f"T={', '.join(some)} {with_seeds}" for with_seeds, some in lengths.items())


def _cut(rows: int) -> str:
    return f" The first {MOST} of {rows:,} rows; JSON and CSV hold them all." if rows > MOST else ""
