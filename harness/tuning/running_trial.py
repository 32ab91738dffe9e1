"""One trial under way: its runs, one a length; what they have told, whether the pruner lets them go on, how it ends."""

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


@dataclass
class Flight:
    """A trial that was asked and is not told yet.

    What becomes of it depends on its validations in their order alone, not on when they were heard: a trial that ended
    before the pruner had its say is pruned nevertheless, and a longer life does not count.
    """

    study: Study
    trial: optuna.Trial
    specs: dict[str, RunSpec]  # by key
    heard: dict[str, _Validations] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    reported: int = 0  # step
    accuracy: float = 0.0  # at that step, the mean over lengths
    pruned_at: int | None = None
    value: float | None = None  # what the study was told

    @property
    def landed(self) -> bool:
        return len(self.records) == len(self.specs)

    @property
    def hopeless(self) -> bool:
        """Whether the runs that still go on are for nothing."""
        return self.pruned_at is not None or any(record.status != "ok" for record in self.records.values())

    def hear(self, key: str, validations: _Validations) -> None:
        """Reports the validations that all runs have come to, in their order."""
        self.heard[key] = validations
        budget = self.specs[key].steps
        while self.pruned_at is None and self.reported + self.study.interval <= budget:
            step = self.reported + self.study.interval
            accuracies = [self._accuracy_at(key, step) for key in self.specs]
            if None in accuracies:
                return
            self._report(step, fmean(accuracy for accuracy in accuracies if accuracy is not None))

    def end(self, key: str, record: Record) -> None:
        self.records[key] = record
        self.hear(key, [(point.step, point.validation_accuracy) for point in record.curve])

    def tell(self) -> TrialState:
        """Tells the study how it ended; FAIL for a trial that failed or was lost."""
        self.trial.set_user_attr("harness", self._notes())
        study, records = self.study, list(self.records.values())
        if self.pruned_at is not None:
            study.kept.tell(self.trial, state=TrialState.PRUNED)
            return TrialState.PRUNED
        if all(record.status == "ok" for record in records):
            self.value = value_of(records, study.search.objective)
            study.kept.tell(self.trial, self.value)
            return TrialState.COMPLETE
        if self._is_lost():
            study.lose(self.trial)
        else:
            study.kept.tell(self.trial, state=TrialState.FAIL)
        return TrialState.FAIL

    def _report(self, step: int, accuracy: float) -> None:
        """Tells the pruner, which has no say over a trial that has solved its task or spent its budget.

        It is told in twentieths of the way from chance to perfection: on a plateau, trials differ by less than the
        noise of a validation, and none is to be pruned for that.
        """
        spec = next(iter(self.specs.values()))
        self.reported, self.accuracy = step, accuracy
        way = round(20 * max(0.0, accuracy - self.study.chance) / (1 - self.study.chance)) / 20
        self.trial.report(way if self.study.maximises else 1 - way, step)
        if step < spec.steps and accuracy < self.study.solved_at and self.trial.should_prune():
            self.pruned_at = step

    def _accuracy_at(self, key: str, step: int) -> float | None:
        """At a step, if the run has come so far; a run that ended well before keeps what it had."""
        validations = self.heard.get(key, ())
        exact = next((accuracy for at, accuracy in validations if at == step), None)
        if exact is None and key in self.records and self.records[key].status == "ok":
            return validations[-1][1]
        return exact

    def _is_lost(self) -> bool:
        """Whether it ended for reasons that are not its own: with us, or with its worker for no known reason."""
        if any(record.status == "interrupted" for record in self.records.values()):
            return True
        attempt: int = self.trial.user_attrs.get("attempt", 1)
        return attempt <= self.study.search.retry and any(map(_died, self.records.values()))

    def _notes(self) -> dict[str, object]:
        """What it cost, and what became of it."""
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
    """The mean over runs that ended well; a length that was not solved takes more than its budget of steps."""
    return fmean(_value(record, objective) for record in records)


def worst(chances: Mapping[int, float], spec: RunSpec, objective: Objective) -> float:
    """What a run that failed counts as: chance."""
    chance = chances.get(spec.length, 0.0)
    return {"accuracy": chance, "loss": math.inf, "steps_to_solve": spec.steps * (2 - chance)}[objective]


def _value(record: Record, objective: Objective) -> float:
    if record.status != "ok":
        return worst(record.chances, record.spec, objective)
    last = record.curve[-1]
    if objective == "steps_to_solve":
        return record.steps_to_solve or record.spec.steps * (2 - last.validation_accuracy)
    return last.validation_accuracy if objective == "accuracy" else last.validation_loss


def _died(record: Record) -> bool:
    """Whether its process ended in the middle: then it could not tell of its environment."""
    return record.status in ("error", "out_of_memory") and "device" not in record.environment
