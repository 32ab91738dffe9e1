"""A running trial: its runs (one for each length), their validations, whether it is pruned, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import optuna
from optuna.trial import TrialState

from harness.record import Record
from harness.spec import RunSpec
from harness.tuning.study import Objective, Study

_Validations = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended, for a display."""

    label: str  # of the architecture
    number: int
    ended: int  # trials of the study that have ended, this one among them
    wanted: int
    state: str  # 'complete', 'pruned' or 'failed'
    objective: Objective
    value: float | None  # None unless complete
    pruned_at: int | None  # step
    reason: str  # '' unless failed
    values: Mapping[str, object]  # of what is searched
    seconds: float  # of training


@dataclass
class RunningTrial:
    """A trial that was asked and is not told yet.

    Pruning depends only on the validations and their order, not on when they arrive: a trial that ended before the
    pruner saw its validations is pruned nevertheless, and what it trained after that point does not count.
    """

    study: Study
    trial: optuna.Trial
    specs: dict[str, RunSpec]  # by key
    validations: dict[str, _Validations] = field(default_factory=dict)  # by key, so far
    records: dict[str, Record] = field(default_factory=dict)
    reported: int = 0  # step
    accuracy: float = 0.0  # at that step, the mean over lengths
    pruned_at: int | None = None
    value: float | None = None  # what the study was told

    @property
    def ended(self) -> bool:
        return len(self.records) == len(self.specs)

    @property
    def doomed(self) -> bool:
        """Whether the runs that still go on cannot change how the trial ends."""
        return self.pruned_at is not None or any(record.status != "ok" for record in self.records.values())

    def observe(self, key: str, validations: _Validations) -> None:
        """Takes the validations of one run so far; reports those that all runs have reached, in order."""
        self.validations[key] = validations
        budget = self.specs[key].steps
        while self.pruned_at is None and self.reported + self.study.interval <= budget:
            step = self.reported + self.study.interval
            accuracies = [self._accuracy_at(key, step) for key in self.specs]
            if None in accuracies:
                return
            self._report(step, fmean(accuracy for accuracy in accuracies if accuracy is not None))

    def end(self, key: str, record: Record) -> None:
        self.records[key] = record
        self.observe(key, [(point.step, point.validation_accuracy) for point in record.curve])

    def tell(self) -> TrialResult:
        """Tells the study how the trial ended; FAIL for one that failed or is stale."""
        notes = self._notes()
        self.trial.set_user_attr("harness", notes)
        state = self._tell_state()
        study = self.study
        return TrialResult(
            study.label,
            self.trial.number,
            len(study.ended()),
            study.search.trials,
            state,
            study.search.objective,
            self.value,
            self.pruned_at,
            str(notes["reason"]),
            self.trial.params,
            sum(record.seconds for record in self.records.values()),
        )

    def _tell_state(self) -> str:
        study, records = self.study, list(self.records.values())
        if self.pruned_at is not None:
            study.optuna_study.tell(self.trial, state=TrialState.PRUNED)
            return "pruned"
        if all(record.status == "ok" for record in records):
            self.value = value_of(records, study.search.objective)
            study.optuna_study.tell(self.trial, self.value)
            return "complete"
        if self._is_stale():
            study.fail_stale(self.trial)
        else:
            study.optuna_study.tell(self.trial, state=TrialState.FAIL)
        return "failed"

    def _report(self, step: int, accuracy: float) -> None:
        """Reports to the pruner, and prunes unless the trial has reached the threshold or spent its budget.

        The accuracy is reported in twentieths of the distance from chance to 1: on a plateau, trials differ by less
        than the noise of a validation, and none should be pruned for that.
        """
        spec = next(iter(self.specs.values()))
        self.reported, self.accuracy = step, accuracy
        way = round(20 * max(0.0, accuracy - self.study.chance) / (1 - self.study.chance)) / 20
        self.trial.report(way if self.study.maximises else 1 - way, step)
        if step < spec.steps and accuracy < self.study.solved_at and self.trial.should_prune():
            self.pruned_at = step

    def _accuracy_at(self, key: str, step: int) -> float | None:
        """At a step, if the run has reached it; a run that solved its task earlier keeps its last accuracy."""
        validations = self.validations.get(key, ())
        exact = next((accuracy for at, accuracy in validations if at == step), None)
        if exact is None and key in self.records and self.records[key].status == "ok":
            return validations[-1][1]
        return exact

    def _is_stale(self) -> bool:
        """Whether it ended for a reason outside its setting: Ctrl-C, or a worker that died."""
        if any(record.status == "interrupted" for record in self.records.values()):
            return True
        attempt: int = self.trial.user_attrs.get("attempt", 1)
        return attempt <= self.study.search.retry and any(map(_worker_died, self.records.values()))

    def _notes(self) -> dict[str, object]:
        """The trial's cost and result, for Optuna's storage."""
        records = list(self.records.values())
        solved = [record.steps_to_solve for record in records]
        failed = [record for record in records if record.status not in ("ok", "pruned")]
        return {
            "steps": sum(record.steps for record in records),
            "seconds": round(sum(record.seconds for record in records), 3),
            "steps_to_solve": None if None in solved else fmean(step for step in solved if step is not None),
            "reason": f"{failed[0].status}: {failed[0].reason}" if failed else "",
            "pruned_at": self.pruned_at,
            "accuracy": self.accuracy,
            "hidden_size": next(iter(self.specs.values())).hidden_size,
            "identities": [spec.identity for spec in self.specs.values()],
        }


def value_of(records: Sequence[Record], objective: Objective) -> float:
    """The mean over runs. With steps_to_solve, a length that was not solved counts as more than its budget."""
    return fmean(_value(record, objective) for record in records)


def worst(chances: Mapping[int, float], spec: RunSpec, objective: Objective) -> float:
    """The value of a run that failed: that of chance."""
    chance = chances.get(spec.length, 0.0)
    return {"accuracy": chance, "loss": math.inf, "steps_to_solve": spec.steps * (2 - chance)}[objective]


def _value(record: Record, objective: Objective) -> float:
    if record.status != "ok":
        return worst(record.chances, record.spec, objective)
    last = record.curve[-1]
    if objective == "steps_to_solve":
        return record.steps_to_solve or record.spec.steps * (2 - last.validation_accuracy)
    return last.validation_accuracy if objective == "accuracy" else last.validation_loss


def _worker_died(record: Record) -> bool:
    """Whether the process ended in the middle of the run: then it could not send its environment."""
    return record.status in ("error", "out_of_memory") and "device" not in record.environment
