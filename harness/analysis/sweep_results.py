"""Results with what a notebook asks of them: data frames, reports by file name, a table to look at."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.aggregation import summarise
from harness.analysis.summary import Summary
from harness.discovery import registry
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.report import Results

if TYPE_CHECKING:
    import pandas as pd

_REPORTS = {"html": "html", "csv": "csv", "json": "json", "md": "markdown", "tex": "latex"}


@dataclass(frozen=True)
class SweepResults(Results):
    """Results with what a notebook asks of them. pandas is imported when a frame is asked for."""

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

    def save(self, path: str | PathLike[str]) -> list[Path]:
        """Writes a report: html, csv, json, md or tex, by the suffix. Returns the files, the one named first.

        Tables of their own, as a CSV of speeds, are written beside it. HarnessError where that cannot be done.
        """
        path = Path(path)
        suffix = path.suffix.removeprefix(".")
        if suffix not in _REPORTS:
            raise UsageError(did_you_mean("report with the suffix", suffix, _REPORTS))
        with tempfile.TemporaryDirectory() as folder:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                return [_moved(file, path, index) for index, file in enumerate(self._report(_REPORTS[suffix], folder))]
            except OSError as error:
                raise HarnessError(f"{path} cannot be written ({error.strerror}): name another file.") from None

    def to_latex(self) -> str:
        """The tables of `harness report --format latex`."""
        return self._text("latex")

    def _repr_html_(self) -> str:
        """Verdict and table of each task, as a notebook shows them."""
        return self._text("notebook")

    def _text(self, report: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return self._report(report, folder)[0].read_text(encoding="utf-8")

    def _report(self, name: str, folder: str) -> list[Path]:
        return list(registry.find("report", name).load()(self, Path(folder)))


def _moved(file: Path, path: Path, index: int) -> Path:
    """Moves a written file to the path that was asked for, or beside it under a name of the same beginning."""
    target = path if index == 0 else path.with_name(f"{path.stem}.{'.'.join(file.name.split('.')[-2:])}")
    target.write_bytes(file.read_bytes())
    return target
