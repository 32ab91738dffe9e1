"""What was found inside runs, with what a script or a notebook asks of it: data frames, figures, a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from harness.analysis.inspections import InspectionSummary, summarise_inspections
from harness.analysis.reported_results import ReportedResults

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class InspectionResults(ReportedResults):
    """One or several runs of one task, looked into at one length; `inspections` has what was found, run by run."""

    suffixes: ClassVar = {"html": "inspection", "csv": "csv", "json": "json"}

    def gradients(self) -> pd.DataFrame:
        """Gradients by lag: one row for each run, lag, and 'start' or 'trained', with the share of that at lag 0."""
        from harness.analysis import inspection_frames

        return inspection_frames.gradient_frame(self)

    def states(self) -> pd.DataFrame:
        """What is left of a change of the state after some steps: its norm and its largest singular value."""
        from harness.analysis import inspection_frames

        return inspection_frames.state_frame(self)

    def decoded(self) -> pd.DataFrame:
        """What a linear probe reads from the state, one row for each run and time step, beside chance."""
        from harness.analysis import inspection_frames

        return inspection_frames.decoded_frame(self)

    def activity(self) -> pd.DataFrame:
        """Gates and states over the shown sequence: one row for each run, name, unit and step; slowest unit first."""
        from harness.analysis import inspection_frames

        return inspection_frames.activity_frame(self)

    def units(self) -> pd.DataFrame:
        """The unit that follows each feature of the task best, and how closely."""
        from harness.analysis import inspection_frames

        return inspection_frames.unit_frame(self)

    def summary(self) -> InspectionSummary:
        """The numbers over seeds, and how architectures compare."""
        return summarise_inspections(self.inspections)

    def _sentences(self) -> Iterator[str]:
        summary = self.summary()
        yield from summary.comparisons
        for one in summary.architectures:
            yield from one.sentences

    def _counted(self) -> str:
        return f"inside {len(self.inspections)} run{'s' * (len(self.inspections) != 1)}"
