"""What searches found, with what a script or a notebook asks of it: trials and settings as frames, figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar

from harness.analysis.reported_results import ReportedResults
from harness.search_record import SearchRecord

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class SearchResults(ReportedResults):
    """The searches of one call; `searches` has them, one for each architecture and task."""

    files: tuple[Path, ...] = ()  # settings for `harness run --config`, and figures

    suffixes: ClassVar = {"json": "json", "md": "markdown"}

    def trials(self) -> pd.DataFrame:
        """One row for each trial that ended, with its setting and its score on validation data."""
        from harness.analysis import frames

        return frames.trial_frame(self)

    def settings(self) -> pd.DataFrame:
        """One row for each setting that was searched: its range, and the value that was chosen."""
        from harness.analysis import frames

        return frames.setting_frame(self)

    def _sentences(self) -> Iterator[str]:
        yield from map(_sentence, self.searches)

    def _counted(self) -> str:
        return f"{len(self.searches)} search{'es' * (len(self.searches) != 1)}"


def _sentence(one: SearchRecord) -> str:
    """What one search found, on validation data."""
    values = ", ".join(f"{name}={_number(value)}" for name, value in one.values.items())
    seeds = f"{len(one.confirmed)} new seed{'s' * (len(one.confirmed) != 1)}"
    confirmed = f", {_score(one, fmean(one.confirmed))} on {seeds}" if one.confirmed else ""
    default = f" (its default {_score(one, one.default_score)})" if one.default_score is not None else ""
    name = f"{one.label} on {one.task_label}, {sum(one.counts.values())} trials"
    return f"{name}: {one.objective} {_score(one, one.score)}{default}{confirmed} on validation data with {values}."


def _score(one: SearchRecord, score: float) -> str:
    return f"{score:.1%}" if one.maximises else f"{score:.4g}"


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
