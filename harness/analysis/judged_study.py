"""A study as it was judged, with what a script or a notebook asks of it: sentences, a data frame, figures, its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.analysis.reported_results import ReportedResults
from harness.analysis.sweep_results import SweepResults
from harness.report import StudyResults
from harness.study_record import StudyRecord

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class JudgedStudy(ReportedResults):
    """One study: its `record` has the verdict on every expectation, `sweeps` the results that it rests on."""

    suffixes: ClassVar = {"html": "study", "md": "study_markdown"}

    @property
    def record(self) -> StudyRecord:
        """What was asked, what the data say of each expectation, and how the verdict came about."""
        return self._study.record

    @property
    def sweeps(self) -> Mapping[str, SweepResults]:
        """The results of each sweep, by its name in the study ('' where it has one without a name)."""
        return {name: SweepResults(**vars(results)) for name, results in self._study.sweeps.items()}

    def to_frame(self) -> pd.DataFrame:
        """One row for each expectation: what was claimed and measured, the verdict, its p-value and its reason."""
        from harness.analysis import frames

        return frames.finding_frame(self.record)

    def figure(self, kind: str = "finding-1", *, task: str | None = None) -> Figure:
        """The figure of an expectation by its number, such as 'finding-2'; matplotlib's, to change.

        Those of a sweep: `study.sweeps[name].figure("accuracy")`.
        """
        return super().figure(kind, task=task)

    @property
    def _study(self) -> StudyResults:
        return self.studies[0]

    def _sentences(self) -> Iterator[str]:
        yield f"{self.record.question} {self.record.verdict.capitalize()}."
        for number, one in enumerate(self.record.findings, start=1):
            yield f"{number}. {one.verdict}: {one.says} Measured: {one.measured or '-'}. {one.reason}"
        yield from self.record.history

    def _counted(self) -> str:
        runs = self.record.runs
        missing = f", {self.record.missing:,} missing" if self.record.missing else ""
        return f"{self.record.name}, {runs:,} run{'s' * (runs != 1)}{missing}"
