"""The tables of a report, whatever it is written as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.analysis import stats
from harness.analysis.summary import ArchitectureSummary, LengthSummary, Summary, TaskSummary

from . import _words as words
from ._learning import Learning

MOST = 300  # rows of a table of pairs or of failures; CSV and JSON hold them all


class TableCell(NamedTuple):
    """One place of a table: its text, what it is sorted by where that is not its text, and how dark it is, 0 to 1."""

    text: str
    key: float | None = None
    shade: float | None = None
    more: str = ""  # shown smaller, under the text


@dataclass(frozen=True)
class Table:
    """Rows under columns; `heads`: how many columns at the left name the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    heads: int = 1
    note: str = ""

    @property
    def numeric(self) -> list[bool]:
        """Whether a column holds numbers, and is set to the right."""
        by_column = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return [index >= self.heads and any(c.key is not None for c in cells) for index, cells in enumerate(by_column)]


def horizons(summary: Summary) -> Table:
    """Architecture against task: the longest length solved, shaded by the score."""
    by_name = {(task.label, one.label): one for task in summary.tasks for one in task.architectures}
    rows = [
        [TableCell(label), *(_shaded(by_name.get((task.label, label))) for task in summary.tasks)]
        for label in dict.fromkeys(label for _, label in by_name)
    ]
    columns = ["architecture", *(task.label for task in summary.tasks)]
    note = "The longest length solved, and the score: 0 at chance, 1 perfect, mean over lengths and seeds."
    return Table("Horizon and score by architecture and task", columns, rows, note=note)


def _shaded(one: ArchitectureSummary | None) -> TableCell:
    if one is None:
        return TableCell(words.UNKNOWN)
    if not one.ran:
        return TableCell(words.horizon(one))
    shade = max(0.0, one.score or 0.0)
    return TableCell(f"{one.horizon or 'none'}", one.horizon or 0, shade, f"score {words.score(one.score)}")


def accuracy(task: TaskSummary) -> Table:
    """Every architecture at every length, in full."""
    columns = (
        "architecture",
        "length",
        "mean",
        "95% interval",
        "range",
        "interquartile mean",
        "median",
        "without failed",
        "seeds that solve it",
        "95% of that share",
        "solved",
        "failed",
        "chance",
    )
    rows = [[TableCell(arch.label), *_in_full(one)] for arch in task.architectures for one in arch.lengths.values()]
    note = (
        "Test accuracy in percent over seeds, failed runs at chance. Intervals of the mean: Student's t, cut to 0 to "
        f"100%, from {stats.FEW} seeds on; none where some seeds solve the length and others do not. Of the share of "
        "seeds: Wilson. A length is solved when its median seed reaches the threshold."
    )
    return Table(f"{task.label}: accuracy by architecture and length", columns, rows, 2, note)


def _in_full(one: LengthSummary) -> list[TableCell]:
    return [
        TableCell(f"{one.length}", one.length),
        TableCell(words.percent(one.mean), one.mean),
        TableCell(words.percents(one.interval) if one.interval else words.UNKNOWN),
        TableCell(words.percents(None, one.range)),
        TableCell(words.percent(one.interquartile_mean), one.interquartile_mean),
        TableCell(words.percent(one.median), one.median),
        TableCell(words.percent(one.mean_without_failed), one.mean_without_failed),
        TableCell(words.solving(one), one.solving / one.seeds),
        TableCell(words.percents(one.solving_interval)),
        TableCell("yes" if one.solved else "no"),
        TableCell(f"{one.failed}", one.failed),
        TableCell(words.percent(one.chance), one.chance),
    ]


def overview(task: TaskSummary) -> Table:
    """Architecture against length, for reading at a glance and for pasting."""
    rows = [[TableCell(one.label), *_size(one), *_reached(one, task.lengths)] for one in task.architectures]
    chances = [task.chances.get(n) for n in task.lengths]
    rows.append(
        [
            TableCell("chance"),
            *[TableCell("")] * 3,
            *(TableCell(words.percent(chance), chance) for chance in chances),
        ]
    )
    columns = ["architecture", "parameters", "hidden_size", "solved up to T", *(f"T={n}" for n in task.lengths)]
    return Table(f"{task.label}: test accuracy by length", columns, rows, note=words.accuracy_note(task))


def _size(one: ArchitectureSummary) -> list[TableCell]:
    sizes = one.hidden_sizes
    return [
        TableCell(words.count(one.parameters), one.parameters),
        TableCell(words.hidden_sizes(one), sizes[0] if sizes else None),
    ]


def _reached(one: ArchitectureSummary, lengths: Sequence[int]) -> list[TableCell]:
    key = (one.horizon or 0) if one.ran else None
    return [TableCell(words.horizon(one), key), *(_glance(one, n) for n in lengths)]


def _glance(architecture: ArchitectureSummary, length: int) -> TableCell:
    one = architecture.lengths.get(length)
    if one is None:
        return TableCell(words.UNKNOWN)
    if one.all_failed:
        return TableCell(", ".join(dict.fromkeys(one.failures.values())))
    leads, beside = words.accuracy(one)
    return TableCell(leads, one.mean, more=beside)


def exposure(task: TaskSummary) -> Table:
    """What is wrong of answers that are written one after the other, fed the right ones and fed its own."""
    rows = [
        [
            TableCell(one.label),
            TableCell(f"{n}", n),
            *(TableCell(words.percent(share), share) for share in (at.forced_error, at.free_error, _gap(at))),
        ]
        for one in task.ran
        for n, at in one.lengths.items()
        if at.free_error is not None
    ]
    columns = ("architecture", "length", "wrong, fed the right answers", "wrong, fed its own", "exposure")
    note = (
        "Means over seeds. Fed the right answers, as in training (teacher forcing): the share that is wrong. Fed its "
        "own (free running): the edit distance for each right answer. Exposure: the gap between the two."
    )
    return Table(f"{task.label}: answers that are wrong", columns, rows, 2, note)


def _gap(at: LengthSummary) -> float | None:
    return None if at.free_error is None or at.forced_error is None else at.free_error - at.forced_error


def learning(task: TaskSummary, curves: Learning) -> Table:
    """Validation accuracy at the quarters of training."""
    rows = [
        [TableCell(one.label), TableCell(f"{n}", n), *(_at(points, share) for share in (0.25, 0.5, 0.75, 1.0))]
        for one in task.architectures
        for n, points in sorted(curves.get(one.label, {}).items())
    ]
    columns = ("architecture", "length", *(f"after {share} % of training" for share in (25, 50, 75, 100)))
    return Table(f"{task.label}: validation accuracy while training, mean over seeds", columns, rows, 2)


def _at(points: Sequence[tuple[int, float, float, float]], share: float) -> TableCell:
    value = [point for point in points if point[0] <= share * points[-1][0]][-1:]
    return TableCell(words.percent(value[0][1]), value[0][1]) if value else TableCell(words.UNKNOWN)


def steps(task: TaskSummary) -> Table:
    rows = [
        [
            TableCell(one.label),
            TableCell(training.length, n),
            TableCell(
                words.steps(training), training.budget + 1 if training.steps.median is None else training.steps.median
            ),
            TableCell(words.steps_spread(training)),
            TableCell(f"{training.steps.reached} of {training.steps.of}", training.steps.reached),
        ]
        for one in task.architectures
        for n, training in one.trainings.items()
    ]
    columns = ("architecture", "length", "median steps", "interval or range", "seeds that reached it")
    note = (
        "Steps until validation accuracy was over the threshold twice in a row; a seed that did not reach it counts as "
        "longer than the budget. [95% interval of the median] from six seeds on, the range below."
    )
    return Table(f"{task.label}: training steps to the threshold", columns, rows, 2, note)


def cost(task: TaskSummary) -> Table:
    """What the models are made of and what training them took."""
    rows = [
        [
            TableCell(one.label),
            TableCell(training.length, n),
            *_size(one),
            TableCell(words.count(one.state_size), one.state_size),
            TableCell(words.count(training.tokens_per_second), training.tokens_per_second),
            TableCell(words.seconds(training.seconds), training.seconds),
        ]
        for one in task.architectures
        for n, training in one.trainings.items()
        if not one.refused
    ]
    columns = (
        "architecture",
        "length",
        "parameters",
        "hidden_size",
        "state size",
        "tokens per second",
        "wall time of a run",
    )
    note = "Speeds are of this machine and its kernels: on a CPU they compare implementations, not architectures."
    return Table(f"{task.label}: size and speed", columns, rows, 2, note)


def generalisation(task: TaskSummary) -> Table:
    found = [(arch, n, tested) for arch in task.architectures for n, tested in arch.at_other_lengths.items()]
    lengths = sorted({length for *_, tested in found for length in tested})
    rows = [
        [TableCell(arch.label), TableCell(f"{n}", n), *(_tested(tested.get(length), n) for length in lengths)]
        for arch, n, tested in found
    ]
    columns = ("architecture", "trained at", *(f"T={n}" for n in lengths))
    return Table(f"{task.label}: accuracy at other lengths", columns, rows, 2, "* the length trained at")


def _tested(one: LengthSummary | None, trained: int) -> TableCell:
    if one is None:
        return TableCell("")
    if one.all_failed:
        return TableCell("failed")
    return TableCell(words.percent(one.mean) + ("*" if one.length == trained else ""), one.mean)


def pairs(task: TaskSummary) -> Table:
    """Every pair of a task, the smallest p first."""
    ordered = sorted(task.pairs, key=lambda pair: 2.0 if pair.p is None else pair.p)
    rows = [
        [
            TableCell(pair.first),
            TableCell(pair.second),
            TableCell(f"{pair.paired.difference:+.3f}", pair.paired.difference),
            TableCell(words.scores(pair.paired.interval, pair.paired.range)),
            TableCell(f"{pair.paired.better:.0%}", pair.paired.better),
            TableCell(words.UNKNOWN if pair.paired.p is None else f"{pair.paired.p:.3g}", pair.paired.p),
            TableCell(words.UNKNOWN if pair.p is None else f"{pair.p:.3g}", pair.p),
            TableCell(f"{pair.paired.seeds}", pair.paired.seeds),
            TableCell("yes" if pair.told_apart else "no"),
        ]
        for pair in ordered[:MOST]
    ]
    columns = (
        "first",
        "second",
        "difference of scores",
        "95% interval or range",
        "first better",
        "p",
        "p, Holm",
        "seeds",
        "told apart",
    )
    note = "Paired by seed: exact sign-flip permutation test of the mean difference, corrected over all pairs (Holm)."
    return Table(f"{task.label}: pairs", columns, rows, 2, note + cut(len(ordered)))


def ranks(summary: Summary) -> Table:
    rows = [
        [TableCell(label), TableCell(f"{rank:.2f}", rank)]
        for label, rank in sorted(summary.ranks.items(), key=lambda x: x[1])
    ]
    note = "By score on each task; architectures without a score on some task are left out."
    return Table("Mean rank over tasks, 1 the best", ("architecture", "mean rank"), rows, note=note)


def cut(rows: int) -> str:
    return f" The first {MOST} of {rows:,} rows; JSON and CSV hold them all." if rows > MOST else ""
