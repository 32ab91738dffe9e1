"""What `harness tune` prints: a line for each trial when it ends, and a table of the results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from optuna.trial import TrialState
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli import _progress
from harness.cli._progress import look, name
from harness.cli._say import say
from harness.record import Progress, Record
from harness.search_record import Found
from harness.spec import RunSpec
from harness.tuning.running_trial import Flight
from harness.tuning.study import Study

_SECONDS_BETWEEN_LINES = 10
_WIDE = 200  # columns, if the output is not a terminal


class Quiet(_progress.Quiet):
    """Shows nothing."""

    def landed(self, flight: Flight, state: TrialState) -> None: ...


class Lines:
    """A line when a trial ends, and one every ten seconds in between."""

    def __init__(self, studies: Sequence[Study]) -> None:
        self.studies, self.last = studies, time.monotonic()
        self.confirming = self.told = False

    def looking(self, runs: int) -> None: ...
    def waiting(self, reason: str) -> None:
        say(f"{reason}\n  finished results are kept in memory until they can be written; Ctrl-C gives up")

    def planned(self, runs: dict[str, RunSpec], done: int) -> None:
        self.runs = runs
        if runs:
            self.confirming = True
            say(f"{len(runs)} runs on new seeds to confirm the best settings")
        for study in () if self.told else self.studies:
            say(
                f"{study.name}: {len(study.ended())} of {study.search.trials} trials ended; "
                f"searched: {', '.join(f'{key} {space}' for key, space in study.space.items())}"
            )
        self.told = True

    def started(self, key: str) -> None: ...
    def progressed(self, key: str, progress: Progress) -> None:
        if time.monotonic() - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            spec = self.runs[key]
            say(f"  {name(spec)}: step {progress.step}/{spec.steps} {look(progress)}")

    def ended(self, key: str, record: Record) -> None:
        self.last = time.monotonic()
        if self.confirming:
            accuracy = f"validation {record.curve[-1].validation_accuracy:.1%}" if record.curve else ""
            how = accuracy if record.status == "ok" else f"{record.status}: {record.reason}"
            say(f"{name(record.spec)}: {how}, {record.seconds:.1f} s")

    def again(self, key: str, record: Record) -> None: ...
    def landed(self, flight: Flight, state: TrialState) -> None:
        study, notes = flight.study, flight.trial.user_attrs["harness"]
        how = {
            TrialState.COMPLETE: f"{study.search.objective} {_score(flight)}",
            TrialState.PRUNED: f"pruned at step {flight.pruned_at}",
        }.get(state, notes["reason"])
        ended = f"{study.label} [{len(study.ended())}/{study.search.trials}] trial {flight.trial.number}"
        say(f"{ended}: {how}; {shown(flight.trial.params)}; {notes['seconds']:.1f} s")


def display(studies: Sequence[Study]) -> Lines:
    return Lines(studies)


def table(studies: Sequence[Study], found: Mapping[str, Found]) -> None:
    """The results: a table for each task, and the settings below it."""
    console = Console()
    console.width = console.width if console.is_terminal else _WIDE
    for task in dict.fromkeys((one.task_label, *one.lengths) for one in found.values()):
        mine = [(s, found[s.digest]) for s in studies if s.digest in found]
        mine = [(study, one) for study, one in mine if (one.task_label, *one.lengths) == task]
        title = f"{task[0]} {','.join(map(str, task[1:]))}: {mine[0][1].objective} on validation data"
        console.print(Text(title, style="bold"))
        rows = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for column in ("architecture", "trials", "pruned", "failed", "default", "chosen", "confirmed", "chance"):
            rows.add_column(column, justify="left" if column == "architecture" else "right", no_wrap=True)
        for study, one in mine:
            rows.add_row(*_row(study, one))
        console.print(rows)
        for study, one in mine:
            size = f" hidden_size={one.hidden_size}" if one.params else ""
            console.print(Text(f"{study.label}: {shown(one.values)}{size}"), soft_wrap=True)


def _row(study: Study, one: Found) -> list[Text]:
    number, counts = (_percent if study.maximises else _plain), one.counts
    confirmed = f"{number(fmean(one.confirmed))} ({len(one.confirmed)})" if one.confirmed else "-"
    first = "-" if one.default_score is None else number(one.default_score)
    chance = "-" if one.chance is None else _percent(one.chance)
    cells = [sum(counts.values()), counts["pruned"], counts["failed"], first, number(one.score), confirmed, chance]
    return [Text(one.label), *(Text(str(cell)) for cell in cells)]


def failures(studies: Sequence[Study], found: Mapping[str, Found]) -> Iterator[str]:
    """A message for each search in which no trial was completed."""
    for study in studies:
        ended = study.ended()
        if study.digest not in found and ended:
            reasons = [trial.user_attrs.get("harness", {}).get("reason", "") for trial in ended]
            yield f"harness: all {len(ended)} trials of {study.name} failed; the last: {reasons[-1]}"


def shown(values: Mapping[str, object]) -> str:
    return " ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()
    )


def _score(flight: Flight) -> str:
    return "?" if flight.value is None else (_percent if flight.study.maximises else _plain)(flight.value)


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _plain(value: float) -> str:
    return f"{value:.4g}"
