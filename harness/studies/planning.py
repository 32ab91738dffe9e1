"""From a study to the runs of its sweeps; what its expectations ask for and no run will have is refused here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from harness.analysis.directed import fewest_seeds
from harness.errors import UsageError, did_you_mean
from harness.spec import RunSpec, SweepSpec
from harness.studies.metrics import GRADIENTS, lengths_of
from harness.studies.question import Study, Value, Where, sweep_in_words
from harness.sweeps.plan import plan
from harness.sweeps.preview import Preview, preview
from harness.task import Vectors
from harness.training.build import build_task


@dataclass(frozen=True)
class PlannedStudy:
    """A study whose sweeps are planned, and whose expectations are about runs that will be there."""

    study: Study
    sweeps: Mapping[str, SweepSpec]  # by name of the sweep in the study
    runs: Mapping[str, list[RunSpec]]

    @property
    def seeds(self) -> int:
        """The fewest of any sweep."""
        return min(sweep.seeds for sweep in self.sweeps.values())

    @property
    def every_run(self) -> dict[str, RunSpec]:
        """By identity: a run that two sweeps share is trained once."""
        return {spec.identity: spec for runs in self.runs.values() for spec in runs}


def plan_study(study: Study, sweeps: Mapping[str, SweepSpec]) -> PlannedStudy:
    """Plans every sweep; UsageError where a sweep or an expectation cannot be meant."""
    runs = {name: _planned(study, name, sweep) for name, sweep in sweeps.items()}
    for number, expected in enumerate(study.expectations, start=1):
        try:
            for label, where in expected.sides:
                _refuse(label, where, runs[where.sweep])
        except UsageError as error:
            raise UsageError(f"{study.path}: [[expect]] {number}: {error}") from None
    return PlannedStudy(study, sweeps, runs)


def previews_of(planned: PlannedStudy, done: set[str], device: torch.device, untried: bool = False) -> list[Preview]:
    """Tries each model for a moment; UsageError for the first that would be refused or fail.

    `done`: identities of finished runs; `untried`: of those models only that have none.
    """
    previews = []
    for name, runs in planned.runs.items():
        tried = {(spec.task_label, spec.label) for spec in runs if untried and spec.identity in done}
        found = preview([spec for spec in runs if (spec.task_label, spec.label) not in tried], done, device)
        for one in found:
            if one.trouble:
                where = f"{planned.study.path}, {sweep_in_words(name)}"
                raise UsageError(f"{where}: {one.label} on {one.task_label}: {one.trouble}")
        previews += found
    return previews


def seeds_needed(study: Study) -> int:
    """The fewest seeds at which every expectation can be confirmed."""
    shares = (one.share if isinstance(one, Value) and one.share else 0.5 for one in study.expectations)
    return max(fewest_seeds(len(study.expectations), share) for share in shares)


def _planned(study: Study, name: str, sweep: SweepSpec) -> list[RunSpec]:
    try:
        return plan(sweep)
    except UsageError as error:
        raise UsageError(f"{study.path}, {sweep_in_words(name)}: {error}") from None


def _refuse(label: str, expected: Where, runs: list[RunSpec]) -> None:
    """Raises UsageError for an expectation about something that these runs lack; `label`: of an architecture."""
    tasks = dict.fromkeys(spec.task_label for spec in runs)
    if not expected.task and len(tasks) > 1:
        raise UsageError(f"the sweep has {len(tasks)} tasks: say task = ... , one of {', '.join(tasks)}.")
    if expected.task and expected.task not in tasks:
        raise UsageError(did_you_mean("task in the sweep called", expected.task, tasks))
    mine = [spec for spec in runs if expected.task in ("", spec.task_label)]
    labels = {spec.label for spec in mine}
    if label not in labels:
        raise UsageError(did_you_mean("architecture in the sweep called", label, labels))
    _refuse_lengths(expected, mine)
    if expected.metric in GRADIENTS and any(spec.keep_weights == "none" for spec in mine):
        raise UsageError(f"{expected.metric} is read off trained models: leave out keep_weights = 'none'.")
    task = build_task(mine[0].task, mine[0].task_options)
    if expected.metric == "bits" and isinstance(task.targets, Vectors):
        raise UsageError(f"{mine[0].task_label} has no bits: its answers are vectors, not classes. Take loss.")


def _refuse_lengths(expected: Where, runs: list[RunSpec]) -> None:
    trained = sorted({spec.length for spec in runs})
    if expected.trained_at not in (None, *trained):
        raise UsageError(f"trained_at = {expected.trained_at}: the sweep trains at {', '.join(map(str, trained))}.")
    mine = [spec for spec in runs if expected.trained_at in (None, spec.length)]
    known = sorted({length for spec in mine for length in lengths_of(spec, expected)})
    unknown = set(expected.lengths) - set(known) if isinstance(expected.lengths, tuple) else set()
    if unknown:
        raise UsageError(f"length = {min(unknown)}: the sweep tests at {', '.join(map(str, known))}.")
