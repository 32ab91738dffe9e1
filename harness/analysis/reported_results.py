"""Results that are shown, drawn and saved from Python, by the reports that are installed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.discovery import registry
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.report import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class ReportedResults(Results):
    """Results that can be looked at and saved. matplotlib is imported when something is drawn."""

    suffixes: ClassVar[Mapping[str, str]]  # of files that `save` writes, to the report that writes them

    def figure(self, kind: str, *, task: str | None = None) -> Figure:
        """A figure of the report, to change and to save: its kind is its file's name in `harness report --figures`.

        `task`: needed where the results have several. UsageError, with the kinds there are, for an unknown one.
        """
        drawn: Figure = registry.find("report", "figures").load().draw(self, kind, task)
        return drawn

    def save(self, path: str | PathLike[str]) -> list[Path]:
        """Writes a report, by the suffix of the path. Returns the files, the one named first.

        Tables of their own, as a CSV of speeds, are written beside it. HarnessError where that cannot be done.
        """
        path = Path(path)
        suffix = path.suffix.removeprefix(".")
        if suffix not in self.suffixes:
            raise UsageError(did_you_mean("report with the suffix", suffix, self.suffixes))
        with tempfile.TemporaryDirectory() as folder:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                files = self._report(self.suffixes[suffix], folder)
                return [_moved(file, path, index) for index, file in enumerate(files)]
            except OSError as error:
                raise HarnessError(f"{path} cannot be written ({error.strerror}): name another file.") from None

    def verdict(self) -> list[str]:
        """What can be said of these results, in sentences."""
        return list(self._sentences())

    def __repr__(self) -> str:
        name = f" {self.title}" if self.title else ""
        return "\n".join([f"<{type(self).__name__}{name}: {self._counted()}>", *self.verdict()])

    def _repr_html_(self) -> str:
        """Verdict, tables and the first figure of each task, as a notebook shows them."""
        return self._text("notebook")

    def _sentences(self) -> Iterator[str]:
        raise NotImplementedError

    def _counted(self) -> str:
        raise NotImplementedError

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
