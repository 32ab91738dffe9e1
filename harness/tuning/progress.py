"""The display of a running search: a line for each trial when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from harness.record import Progress, Record
from harness.search_record import SearchRecord
from harness.spec import RunSpec
from harness.sweeps import progress as _progress
from harness.sweeps.progress import look, name, say, waiting_message
from harness.tuning.running_trial import TrialResult
from harness.tuning.study import Study

_SECONDS_BETWEEN_LINES = 10


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


def percent(value: float) -> str:
    return f"{value:.1%}"


def plain(value: float) -> str:
    return f"{value:.4g}"


def _score(result: TrialResult) -> str:
    if result.value is None:
        return "?"
    return percent(result.value) if result.objective == "accuracy" else plain(result.value)
