"""Two sets of scores, the old and the new, compared seed by seed: better, worse, or not to be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis import stats
from harness.analysis.stats import Paired
from harness.analysis.summary import Curve, Summary, compare
from harness.analysis.verdict import p_value

MARGIN = 0.02
"""Of the score, 0 at chance and 1 perfect: with too few seeds for a test, less than this is no change."""


@dataclass(frozen=True)
class Change:
    """What came of one architecture on one task, or of one architecture against another."""

    task: str
    old: Curve
    new: Curve
    paired: Paired  # new minus old
    p: float | None  # corrected (Holm) for all that were compared together
    tests: int  # how many those were

    @property
    def tested(self) -> bool:
        """Whether there are seeds enough for the test to find anything."""
        return self.paired.seeds >= stats.seeds_needed(self.tests)

    @property
    def verdict(self) -> Literal["better", "worse", "same"]:
        """By the test; with too few seeds for it, by every seed going one way and the mean by more than a margin."""
        one_way = self.paired.better in (0, 1) and abs(self.paired.difference) > MARGIN
        if self.p is not None and self.p <= stats.ALPHA if self.tested else one_way:
            return "better" if self.paired.difference > 0 else "worse"
        return "same"

    @property
    def reason(self) -> str:
        """What the verdict rests on: '-0.121 of the score, 5 seeds, p = .03'."""
        seeds = f"{self.paired.seeds} seed{'s' * (self.paired.seeds > 1)}"
        said = f"{self.paired.difference:+.3f} of the score, {seeds}, {p_value(self.p)}"
        if self.tested:
            return said
        found = "every one goes that way" if self.verdict != "same" else f"no change over {MARGIN} that all share"
        return f"{said}; too few for a test: {found}" if self.paired.difference else f"{said}"


def against(summary: Summary, first: str, second: str, tasks: Sequence[str]) -> list[Change]:
    """The second architecture against the first, on these tasks."""
    curves = by_name(summary)
    return _changes([(task, curves[task, first], curves[task, second]) for task in tasks])


def since(old: Summary, new: Summary) -> tuple[list[Change], list[tuple[str, str]]]:
    """Every architecture against itself in an older sweep; and task and name of those that are not there any more."""
    before, now = by_name(old), by_name(new)
    both = [(task, before[task, name], now[task, name]) for task, name in before if (task, name) in now]
    return _changes(both), [key for key in before if key not in now]


def by_name(summary: Summary) -> Mapping[tuple[str, str], Curve]:
    """Curves with a result, by task and architecture."""
    return {(task.label, curve.label): curve for task in summary.tasks for curve in task.curves if curve.cells}


def _changes(curves: Sequence[tuple[str, Curve, Curve]]) -> list[Change]:
    found = list(_paired(curves))
    corrected = iter(stats.holm([paired.p for *_, paired in found if paired.p is not None]))
    return [Change(*one, None if one[3].p is None else next(corrected), len(found)) for one in found]


def _paired(curves: Sequence[tuple[str, Curve, Curve]]) -> Iterator[tuple[str, Curve, Curve, Paired]]:
    """Those that have seeds and lengths in common."""
    for task, old, new in curves:
        if paired := compare(new, old):
            yield task, old, new, paired
