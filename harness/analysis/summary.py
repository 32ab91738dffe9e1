"""The numbers of a report: `Summary > TaskSummary > ArchitectureSummary > LengthSummary`. All reports show these.

One rule for "solved": a *seed* solves a length when its test accuracy reaches the task's threshold; a *length* is
solved when its median seed does. `aggregation.summarise` makes the numbers from records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median

from harness.analysis import stats
from harness.analysis.stats import Interval, Paired, Steps
from harness.record import Record

SIZES_ALIKE = 2.0
"""Ratio of the most to the fewest parameters from which on a report says that sizes differ."""


@dataclass(frozen=True)
class LengthSummary:
    """One architecture at one length tested at, over its seeds."""

    length: int
    chance: float
    solved_at: float
    finished: Mapping[int, float]  # test accuracy by seed, of the runs that have one
    failures: Mapping[int, str]  # status by seed of the runs that have none
    runs: Mapping[int, str]  # identity by seed
    bits: float | None = None  # cross-entropy of one answer, mean over the finished runs; None: answers are vectors
    forced_error: float | None = None  # of answers that are written: see `Scores`; means over the finished runs
    free_error: float | None = None

    @cached_property
    def scores(self) -> dict[int, float]:
        """Accuracy by seed; a run that failed counts as chance."""
        return {**self.finished, **dict.fromkeys(self.failures, self.chance)}

    @property
    def seeds(self) -> int:
        return len(self.scores)

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def all_failed(self) -> bool:
        return not self.finished

    @cached_property
    def mean(self) -> float:
        return fmean(self.scores.values())

    @cached_property
    def median(self) -> float:
        return median(self.scores.values())

    @cached_property
    def interquartile_mean(self) -> float:
        return stats.interquartile_mean(list(self.scores.values()))

    @cached_property
    def mean_without_failed(self) -> float | None:
        return fmean(self.finished.values()) if self.finished else None

    @cached_property
    def solving(self) -> int:
        """Seeds that solve the length."""
        return sum(accuracy >= self.solved_at for accuracy in self.finished.values())

    @property
    def solved(self) -> bool:
        """Whether the median seed reaches the threshold: the only rule for a length over seeds."""
        return not self.all_failed and self.median >= self.solved_at

    @property
    def mixed(self) -> bool:
        """Whether some seeds solve the length and others do not: a mean and its interval then describe neither."""
        return 0 < self.solving < self.seeds

    @cached_property
    def interval(self) -> Interval | None:
        """Of the mean; None for few seeds, and where seeds are mixed (`solving` of `seeds` says more)."""
        return None if self.mixed else stats.student_t(list(self.scores.values()), 0.0, 1.0)

    @cached_property
    def range(self) -> Interval | None:
        """The lowest and the highest seed; None for one seed."""
        return stats.value_range(self.scores.values())

    @cached_property
    def solving_interval(self) -> Interval:
        """Of the share of seeds that solve the length."""
        return stats.wilson(self.solving, self.seeds)


@dataclass(frozen=True)
class TrainingSummary:
    """What training one architecture at one length, or on one range of lengths, took, over its seeds."""

    length: str  # '20', '3..40'
    steps: Steps  # to the threshold, on validation data
    budget: int  # in steps
    seconds: float | None  # mean over the runs that did not fail
    tokens_per_second: float | None


@dataclass(frozen=True)
class ArchitectureSummary:
    """One architecture, or a variant of one, on one task."""

    label: str
    task_lengths: tuple[int, ...]  # all that any architecture has on the task
    lengths: Mapping[int, LengthSummary]  # the curve; a length without any ended run is not in it
    trainings: Mapping[int, TrainingSummary]  # by length trained at, of a range the longest
    at_other_lengths: Mapping[int, Mapping[int, LengthSummary]]  # by length trained at, then by length tested at
    refused: str = ""  # why it could not be run at all; '' where it could
    failed: str = ""  # what became of its runs where all of them failed, 'error, timeout'; '' where one did not
    parameters: int | None = None  # None: not known
    hidden_sizes: tuple[int, ...] = ()  # several where they were solved for each length
    state_size: int | None = None
    embedding: str = ""  # how its inputs are fed: 'one-hot', 'learned:32'; 'none' for vectors

    @property
    def ran(self) -> bool:
        """Whether there is a result to show, to draw and to compare."""
        return bool(self.lengths) and not self.failed

    @cached_property
    def horizon(self) -> int | None:
        """The longest length that is solved, None where none is."""
        return max((length for length, one in self.lengths.items() if one.solved), default=None)

    @cached_property
    def horizons(self) -> dict[int, int]:
        """By seed, the longest length that it solves; 0: none. Of the seeds that have every length."""
        return {
            seed: max(
                (n for n, one in self.lengths.items() if one.finished.get(seed, -1.0) >= one.solved_at), default=0
            )
            for seed in self._complete_seeds
        }

    @cached_property
    def gaps(self) -> tuple[int, ...]:
        """Lengths below the horizon that are not solved."""
        return tuple(n for n, one in self.lengths.items() if self.horizon and n < self.horizon and not one.solved)

    @cached_property
    def mixed(self) -> tuple[LengthSummary, ...]:
        """Lengths that some seeds solve and others do not."""
        return tuple(one for one in self.lengths.values() if one.mixed)

    @cached_property
    def by_seed(self) -> dict[int, float]:
        """The score of each seed that has every length of the task: 0 at chance, 1 perfect, mean over lengths."""
        return {seed: self.score_of(seed, self.task_lengths) for seed in self._complete_seeds}

    @cached_property
    def score(self) -> float | None:
        return fmean(self.by_seed.values()) if self.by_seed else None

    @cached_property
    def score_interval(self) -> Interval | None:
        """Of the mean score; None for few seeds, and where seeds are mixed at some length."""
        if self.mixed or not self.by_seed:
            return None
        lowest = fmean(stats.normalised(0.0, self.lengths[n].chance) for n in self.task_lengths)
        return stats.student_t(list(self.by_seed.values()), lowest, 1.0)

    @cached_property
    def score_range(self) -> Interval | None:
        return stats.value_range(self.by_seed.values())

    def score_of(self, seed: int, lengths: tuple[int, ...]) -> float:
        """The score of a seed over some of its lengths."""
        return fmean(stats.normalised(self.lengths[n].scores[seed], self.lengths[n].chance) for n in lengths)

    @cached_property
    def _complete_seeds(self) -> list[int]:
        if not self.ran or not set(self.task_lengths) <= set(self.lengths):
            return []
        return sorted(set.intersection(*(set(self.lengths[n].scores) for n in self.task_lengths)))


@dataclass(frozen=True)
class Pair:
    """Two architectures on one task, compared seed by seed over the lengths that both have."""

    first: str
    second: str
    paired: Paired
    p: float | None  # corrected (Holm) for all pairs of the task; None for one seed

    @property
    def told_apart(self) -> bool:
        return self.p is not None and self.p <= stats.ALPHA

    @property
    def winner_first(self) -> tuple[str, str]:
        """Both names, the one with the higher score first."""
        return (self.first, self.second) if self.paired.difference > 0 else (self.second, self.first)


@dataclass(frozen=True)
class TaskSummary:
    """All architectures on one task: in tiers that the tests tell apart, within one in the order they were asked for.

    Architectures all of whose runs failed come after them, refused ones last.
    """

    label: str
    lengths: tuple[int, ...]
    chances: Mapping[int, float]
    solved_at: float
    architectures: tuple[ArchitectureSummary, ...]
    pairs: tuple[Pair, ...]
    missing: int  # runs that were planned and have not ended
    chance_is: str = ""  # what the predictor behind chance does, where the task says so
    ranges: tuple[tuple[int, int], ...] = ()  # of lengths trained on, the shortest and the longest; (): single lengths

    @cached_property
    def ran(self) -> tuple[ArchitectureSummary, ...]:
        """The architectures with a result."""
        return tuple(one for one in self.architectures if one.ran)

    @cached_property
    def is_written(self) -> bool:
        """Whether answers are written one after the other, so that a model can be fed its own."""
        return any(at.free_error is not None for one in self.ran for at in one.lengths.values())

    @property
    def trained_on(self) -> str:
        """'T=3 to 40' for a range of lengths; '' where each length was trained at by itself."""
        return " and ".join(f"T={shortest} to {longest}" for shortest, longest in self.ranges)

    @cached_property
    def seeds(self) -> int:
        """Of the architecture that has most."""
        return max((one.seeds for arch in self.architectures for one in arch.lengths.values()), default=0)

    @cached_property
    def seeds_needed(self) -> int:
        """The fewest at which any pair of the architectures can be told apart."""
        return stats.seeds_needed(len(self.ran) * (len(self.ran) - 1) // 2)

    @cached_property
    def shared_seeds(self) -> int:
        """The fewest that any pair has in common; 0 where a pair has none, or there is no pair."""
        complete = len(self.pairs) == len(self.ran) * (len(self.ran) - 1) // 2
        return min((pair.paired.seeds for pair in self.pairs), default=0) if complete else 0

    @cached_property
    def tiers(self) -> list[tuple[str, ...]]:
        """Architectures with a result, grouped: every member is told apart from, and ahead of, all in later tiers."""
        ahead = [pair.winner_first for pair in self.pairs if pair.told_apart]
        return stats.tiers([one.label for one in self.ran], ahead)

    @cached_property
    def groups(self) -> list[tuple[str, ...]]:
        """The largest groups that cannot be told apart, which may overlap; empty where seeds are too few to tell."""
        if not self.pairs or self.shared_seeds < self.seeds_needed:
            return []
        names = [one.label for one in self.ran]
        return stats.groups(names, [(pair.first, pair.second) for pair in self.pairs if pair.told_apart])

    @cached_property
    def sizes_differ(self) -> tuple[ArchitectureSummary, ArchitectureSummary] | None:
        """The smallest and the largest architecture, where one has more than `SIZES_ALIKE` times the parameters."""
        known = sorted((one for one in self.ran if one.parameters), key=lambda one: one.parameters or 0)
        if not known or (known[-1].parameters or 0) <= SIZES_ALIKE * (known[0].parameters or 0):
            return None
        return known[0], known[-1]


@dataclass(frozen=True)
class Summary:
    """The numbers of a report."""

    tasks: tuple[TaskSummary, ...]
    failures: tuple[Record, ...]  # runs that ended without a result, refused ones left out
    refusals: tuple[Record, ...]
    ranks: Mapping[str, float]
    """Mean rank over tasks, of the architectures that every task has. Empty for one task, and where no test tells any
    two of them apart."""
