"""The page of one study: question, verdict, every expectation with its seeds, and how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from harness.analysis import wording
from harness.analysis.aggregation import summarise
from harness.names import file_name
from harness.report import Results, StudyResults
from harness.study_record import StudyRecord

from . import _figures, _relation_figures, _study_figures, _study_tables, _svg, _tables
from ._learning import learning_curves
from ._page import render
from ._tables import Table


@dataclass(frozen=True)
class Figure:
    """A figure as the page has it."""

    title: str
    svg: Markup
    table: Table | None = None


@dataclass(frozen=True)
class _Sweep:
    """What the page shows of one sweep."""

    title: str
    overviews: list[Table]
    figures: list[Figure]


def write(results: Results, folder: Path) -> list[Path]:
    """Writes `study-<name>.html` for each study."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(one, folder / f"{file_name(f'study-{one.record.name}')}.html") for one in results.studies]


def _write(study: StudyResults, path: Path) -> Path:
    path.write_text(page(study), encoding="utf-8", newline="")
    return path


def page(study: StudyResults) -> str:
    """The page as text."""
    record = study.record
    with _svg.page_style():
        drawn = [Figure(one.title, Markup(_svg.inline(one))) for one in _study_figures.figures(record)]
        sweeps = [_sweep(name, number, results) for number, (name, results) in enumerate(study.sweeps.items())]
    return render(
        "study.html",
        record=record,
        counted=counted(record),
        cost=_study_tables.COST,
        missing=wording.runs_are(record.missing),
        expectations=_study_tables.expectations(record),
        figures=drawn,
        sweeps=sweeps,
        commands=commands(study),
    )


def counted(record: StudyRecord) -> str:
    """How much there is to go by."""
    minutes = _study_tables.minutes(record).text
    said = f"{wording.counted(record.runs, 'run')}, {wording.counted(record.seeds, 'seed')}, {minutes} CPU minutes"
    said += f", {record.failed} failed" if record.failed else ""
    said += f", {record.missing:,} missing" if record.missing else ""
    return f"{said}. {record.measured}".strip()


def commands(study: StudyResults) -> Iterator[tuple[str, str]]:
    """Lines that make it again, by what they make."""
    yield "This study", study.record.command
    for name, results in study.sweeps.items():
        if results.report_command:
            yield f"Report of {f'sweep {name}' if name else 'its sweep'}", results.report_command
    yield "Digest of the question", study.record.digest


def _sweep(name: str, number: int, results: Results) -> _Sweep:
    """Accuracy by length, and against another axis where one is asked for."""
    summary = summarise(results)
    learning = learning_curves(results.records)
    drawn = [one for one in _figures.figures(summary, learning) if one.kind == "accuracy"]
    drawn += _relation_figures.figures(results)
    for one in drawn:
        one.kind = f"sweep-{number}-{one.kind}"  # a name of its own within the page
    figures = [Figure(one.title, Markup(_svg.inline(one))) for one in drawn]
    return _Sweep(f"Sweep {name}" if name else "Runs", [_tables.overview(task) for task in summary.tasks], figures)
