"""Scores of two architectures, or of one in an older and a newer sweep, compared seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis import stats
from harness.analysis.aggregation import compare
from harness.analysis.stats import Paired
from harness.analysis.summary import ArchitectureSummary, Summary
from harness.analysis.verdict import format_p

MARGIN = 0.02
"""Of the score, 0 at chance and 1 perfect: where seeds are too few for a test, a smaller change raises no alarm."""

_OLD_NEW = tuple[str, ArchitectureSummary, ArchitectureSummary]


@dataclass(frozen=True)
class ScoreChange:
    """Two architectures on one task, or one of them in two sweeps."""

    task: str
    old: ArchitectureSummary
    new: ArchitectureSummary
    paired: Paired  # new minus old
    p: float | None  # corrected (Holm) for all that were compared together
    tests: int  # how many those were
    guard: bool = False  # raise an alarm where seeds are too few for a test and all of them go one way

    @property
    def tested(self) -> bool:
        """Whether there are seeds enough for the test to find anything."""
        return self.paired.seeds >= stats.seeds_needed(self.tests)

    @property
    def verdict(self) -> Literal["better", "worse", "same"]:
        """By the test; for a guard with too few seeds, by every seed going one way and the mean by over `MARGIN`."""
        if self.tested:
            differs = self.p is not None and self.p <= stats.ALPHA
        else:
            differs = self.guard and self.paired.better in (0, 1) and abs(self.paired.difference) > MARGIN
        if not differs:
            return "same"
        return "better" if self.paired.difference > 0 else "worse"

    @property
    def reason(self) -> str:
        """What the verdict rests on: '-0.121 of the score, 8 seeds, p = .03'."""
        return self._evidence(f"{self.paired.difference:+.3f}")

    @property
    def reason_of_pair(self) -> str:
        """The same for two architectures, the first asked for first: 'lstm minus gru +0.121 of the score, ...'."""
        return self._evidence(f"{self.old.label} minus {self.new.label} {0.0 - self.paired.difference:+.3f}")

    def _evidence(self, difference: str) -> str:
        seeds = f"{self.paired.seeds} seed{'s' * (self.paired.seeds > 1)}"
        said = f"{difference} of the score, {seeds}"
        if not self.tested:
            tests = f"{self.tests} tests need" if self.tests > 1 else "a test needs"
            needed = f"{said}; {tests} {stats.seeds_needed(self.tests)}"
            if not self.guard or not self.paired.difference:
                return needed
            found = "every seed goes that way" if self.verdict != "same" else f"no change over {MARGIN} in every seed"
            return f"{needed}; {found}"
        corrected = f", corrected for {self.tests} comparisons" if self.tests > 1 else ""
        return f"{said}, {format_p(self.p)}{corrected}"


def against(summary: Summary, first: str, second: str, tasks: Sequence[str], guard: bool = False) -> list[ScoreChange]:
    """The second architecture against the first, on these tasks."""
    known = by_name(summary)
    return _changes([(task, known[task, first], known[task, second]) for task in tasks], guard)


def since(old: Summary, new: Summary) -> tuple[list[ScoreChange], list[tuple[str, str]]]:
    """Every architecture against itself in an older sweep; and task and name of those that are not there any more."""
    before, now = _measured(old), _measured(new)
    both = [(task, before[task, name], now[task, name]) for task, name in before if (task, name) in now]
    return _changes(both, guard=True), [key for key in before if key not in now]


def by_name(summary: Summary) -> Mapping[tuple[str, str], ArchitectureSummary]:
    """Architectures with a result, by task and name."""
    return {(task.label, one.label): one for task in summary.tasks for one in task.ran}


def _measured(summary: Summary) -> Mapping[tuple[str, str], ArchitectureSummary]:
    """As `by_name`, and those all of whose runs failed, at chance: a guard must notice them."""
    return {(task.label, one.label): one for task in summary.tasks for one in task.architectures if one.lengths}


def _changes(pairs: Sequence[_OLD_NEW], guard: bool) -> list[ScoreChange]:
    found = [(*one, compared) for one in pairs if (compared := compare(one[2], one[1]))]
    corrected = iter(stats.holm([paired.p for *_, paired in found if paired.p is not None]))
    return [ScoreChange(*one, None if one[3].p is None else next(corrected), len(found), guard) for one in found]
