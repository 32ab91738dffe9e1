"""The results of a sweep with what a script or a notebook asks of them: data frames, figures, a table to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
from harness.analysis.reported_results import ReportedResults
from harness.analysis.summary import Summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class SweepResults(ReportedResults):
    """Results with what a notebook asks of them. pandas is imported when a frame is asked for."""

    shown_in_cell: int | None = field(default=None, compare=False)
    """The notebook cell whose live display shows these results already, by its number."""

    suffixes: ClassVar = {"html": "html", "csv": "csv", "json": "json", "md": "markdown", "tex": "latex"}

    def to_frame(self) -> pd.DataFrame:
        """One row for each run, length tested at and metric: the columns and the numbers of the CSV."""
        from harness.analysis import frames

        return frames.run_frame(self)

    def curves(self) -> pd.DataFrame:
        """Accuracy against length: one row for each task, architecture and length, over its seeds."""
        from harness.analysis import frames

        return frames.curve_frame(self)

    def pairs(self) -> pd.DataFrame:
        """Every pair of architectures on a task, compared seed by seed."""
        from harness.analysis import frames

        return frames.pair_frame(self)

    def learning_curves(self) -> pd.DataFrame:
        """One row for each run and validation while it trained."""
        from harness.analysis import frames

        return frames.learning_frame(self)

    def summary(self) -> Summary:
        """The numbers of a report, as objects: tasks, their architectures, their lengths."""
        return summarise(self)

    def figure(self, kind: str = "accuracy", *, task: str | None = None) -> Figure:
        """A figure of the report: accuracy, learning, steps, generalisation, horizon, ...; matplotlib's, to change.

        `task`: its label or name, needed where the sweep has several. UsageError, with the kinds there are, for an
        unknown one.
        """
        return super().figure(kind, task=task)

    def to_latex(self) -> str:
        """The tables of `harness report --format latex`."""
        return self._text("latex")

    def _sentences(self) -> Iterator[str]:
        for task in summarise(self).tasks:
            yield from verdict.sentences(task)

    def _counted(self) -> str:
        runs = len(self.records)
        missing = f", {len(self.missing):,} missing" if self.missing else ""
        return f"{runs:,} run{'s' * (runs != 1)}{missing}"

    def _ipython_display_(self) -> None:
        """Shows the results, unless the live display of the same cell has done so."""
        from IPython import get_ipython
        from IPython.display import display

        cell = getattr(get_ipython(), "execution_count", None)
        if self.shown_in_cell is None or self.shown_in_cell != cell:
            data: dict[str, Any] = {"text/html": self._repr_html_(), "text/plain": repr(self)}
            display(data, raw=True)
