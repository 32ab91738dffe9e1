"""What `harness tune` prints: a line for each trial when it ends, and a table of the results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli._say import say
from harness.record import Progress, Record
from harness.search_record import SearchRecord
from harness.spec import RunSpec
from harness.sweeps import progress as _progress
from harness.sweeps.progress import look, name, waiting_message
from harness.tuning.running_trial import TrialResult
from harness.tuning.study import Study

_SECONDS_BETWEEN_LINES = 10
_WIDE = 200  # columns, if the output is not a terminal


class Quiet(_progress.Quiet):
    """Shows nothing."""

    def searching(self, runs: Mapping[str, RunSpec]) -> None: ...
    def confirming(self, runs: Mapping[str, RunSpec]) -> None: ...
    def trial_ended(self, result: TrialResult) -> None: ...


class Lines(Quiet):
    """A line when a trial or a confirmation ends, and one every ten seconds in between."""

    def __init__(self, studies: Sequence[Study]) -> None:
        self.studies = studies
        self.last = time.monotonic()
        self.is_confirming = False
        self.runs: Mapping[str, RunSpec] = {}

    def waiting_for_store(self, reason: str) -> None:
        say(waiting_message(reason))

    def searching(self, runs: Mapping[str, RunSpec]) -> None:
        self.runs = runs
        for study in self.studies:
            say(
                f"{study.name}: {len(study.ended())} of {study.search.trials} trials ended; "
                f"searched: {', '.join(f'{key} {space}' for key, space in study.space.items())}"
            )

    def confirming(self, runs: Mapping[str, RunSpec]) -> None:
        self.runs = runs
        self.is_confirming = True
        if runs:
            say(f"{len(runs)} runs on new seeds to confirm the best settings")

    def progressed(self, key: str, progress: Progress) -> None:
        if time.monotonic() - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            spec = self.runs[key]
            say(f"  {name(spec)}: step {progress.step}/{spec.steps} {look(progress)}")

    def ended(self, key: str, record: Record) -> None:
        self.last = time.monotonic()
        if self.is_confirming:
            accuracy = f"validation {record.curve[-1].validation_accuracy:.1%}" if record.curve else ""
            how = accuracy if record.status == "ok" else f"{record.status}: {record.reason}"
            say(f"{name(record.spec)}: {how}, {record.seconds:.1f} s")

    def trial_ended(self, result: TrialResult) -> None:
        how = {
            "complete": f"{result.objective} {_score(result)}",
            "pruned": f"pruned at step {result.pruned_at}",
        }.get(result.state, result.reason)
        ended = f"{result.label} [{result.ended}/{result.wanted}] trial {result.number}"
        say(f"{ended}: {how}; {format_values(result.values)}; {result.seconds:.1f} s")


def table(studies: Sequence[Study], found: Mapping[str, SearchRecord]) -> None:
    """The results: a table for each task, and the chosen settings under it."""
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
            console.print(Text(f"{study.label}: {format_values(one.values)}{size}"), soft_wrap=True)


def _row(study: Study, one: SearchRecord) -> list[Text]:
    number, counts = (_percent if study.maximises else _plain), one.counts
    confirmed = f"{number(fmean(one.confirmed))} ({len(one.confirmed)})" if one.confirmed else "-"
    first = "-" if one.default_score is None else number(one.default_score)
    chance = "-" if one.chance is None else _percent(one.chance)
    cells = [sum(counts.values()), counts["pruned"], counts["failed"], first, number(one.score), confirmed, chance]
    return [Text(one.label), *(Text(str(cell)) for cell in cells)]


def failures(studies: Sequence[Study], found: Mapping[str, SearchRecord]) -> Iterator[str]:
    """A message for each study without a complete trial."""
    for study in studies:
        ended = study.ended()
        if study.digest not in found and ended:
            reasons = [trial.user_attrs.get("harness", {}).get("reason", "") for trial in ended]
            yield f"harness: all {len(ended)} trials of {study.name} failed; the last: {reasons[-1]}"


def format_values(values: Mapping[str, object]) -> str:
    return " ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()
    )


def _score(result: TrialResult) -> str:
    if result.value is None:
        return "?"
    return _percent(result.value) if result.objective == "accuracy" else _plain(result.value)


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _plain(value: float) -> str:
    return f"{value:.4g}"
