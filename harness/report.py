"""Contract: what a report is. Records in, files out; no models, no MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from harness.bench_record import Row
from harness.inspection_record import Inspection
from harness.record import Record
from harness.search_record import SearchRecord
from harness.spec import Planned
from harness.study_record import StudyRecord


class TaskText(NamedTuple):
    """What a task asks, for people."""

    about: str  # the first sentence of its docstring; names stand between backticks
    example: str  # a short sequence above its answer, in lines; '' where none could be drawn


@dataclass(frozen=True)
class Results:
    """What a report is made of: a sweep as far as it has come."""

    records: Sequence[Record]  # of every planned run that ended, in the order of the plan
    missing: Sequence[Planned] = ()  # planned, and not ended yet
    title: str = ""  # what the sweep is called
    command: str = ""  # the line that runs it, or the rest of it
    report_command: str = ""  # the line that makes this report again
    store: str = ""  # where the records are
    references: Mapping[str, str] = field(default_factory=dict)  # papers, by name of architecture or task
    bibtex: str = ""  # entries of those that keep some, of the variants that were run
    searches: Sequence[SearchRecord] = ()  # of `harness tune`, whose settings were used
    speeds: Sequence[Row] = ()  # of `harness bench`, the newest of each architecture
    inspections: Sequence[Inspection] = ()  # of `harness inspect`
    studies: Sequence[StudyResults] = ()  # of `harness study`
    axis: str = ""  # what accuracy is drawn against beside the length: 'state_size', 'pairs'; '': nothing
    outdated: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by identity: plugins that changed since
    tasks: Mapping[str, TaskText] = field(default_factory=dict)  # what each task asks, by its label


@dataclass(frozen=True)
class StudyResults:
    """A study as it was judged, and the results of its sweeps."""

    record: StudyRecord
    sweeps: Mapping[str, Results] = field(default_factory=dict)  # by name; empty where they are not at hand


class Report(Protocol):
    """Makes one kind of output in a folder; registered as an entry point of the group `harness.reports`."""

    def __call__(self, results: Results, folder: Path) -> list[Path]:
        """Returns the files it wrote; none where it prints."""
        ...
