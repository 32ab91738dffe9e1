"""Confirmation: the best settings of a search trained again on fresh seeds, since the best of many is partly luck."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from harness.engines import Engine
from harness.record import Record
from harness.sweeps.driver import Display, Rules
from harness.tracking.store import Store
from harness.tracking.tags import Kind
from harness.tuning.running_trial import value_of
from harness.tuning.study import Study
from harness.tuning.trials import StudyDriver, sized


class Confirmation(StudyDriver):
    """Trains the `top` settings of each study on `seeds`; the values are stored in the study."""

    def __init__(
        self, store: Store, display: Display, studies: Sequence[Study], rules: Rules, top: int, seeds: Sequence[int]
    ) -> None:
        super().__init__(store, display, studies, rules)
        self.groups: dict[str, tuple[Study, str, list[str]]] = {}  # by key: what the key's value is averaged over
        self.ended: dict[str, Record] = {}
        for study in studies:
            for trial in ranked(study)[:top]:
                for seed in seeds:
                    self._plan(study, trial, seed)

    def confirm(self, engine: Engine) -> bool:
        """Runs what is not confirmed yet; whether it was interrupted."""
        return self.drive(engine, list(self.planned))

    def _plan(self, study: Study, trial: FrozenTrial, seed: int) -> None:
        name = _attribute(trial, seed)
        if name in study.optuna_study.user_attrs:
            return
        specs = sized(study.specs(trial, seed), study.params)
        keys = [f"{study.digest}/{trial.number}/{spec.length}/{seed}" for spec in specs]
        for key, spec in zip(keys, specs, strict=True):
            self.plan_run(key, spec, study, Kind.CONFIRMATION, trial.number)
            self.groups[key] = study, name, keys

    def finish_run(self, key: str, record: Record, engine: Engine | None = None) -> None:
        super().finish_run(key, record, engine)
        self.ended[key] = record
        study, name, keys = self.groups[key]
        records = [self.ended[other] for other in keys if other in self.ended]
        if len(records) == len(keys) and all(record.status != "interrupted" for record in records):
            value = value_of(records, study.search.objective)
            study.optuna_study.set_user_attr(name, value if math.isfinite(value) else None)


def ranked(study: Study) -> list[FrozenTrial]:
    """Complete trials, the best first; equal ones by the steps to solve, then the older first."""
    best: dict[str, FrozenTrial] = {}
    complete = [trial for trial in study.ended() if trial.state == TrialState.COMPLETE]
    for trial in sorted(complete, key=lambda trial: (*_rank(study, trial), trial.number)):
        best.setdefault(repr(sorted(trial.params.items())), trial)
    return list(best.values())


def confirmed(study: Study, trial: FrozenTrial, seeds: Sequence[int]) -> list[float]:
    """The values of a trial's setting on fresh seeds, as far as they are known; inf for a failed run's loss."""
    found: dict[int, float] = defaultdict(float)
    for seed in seeds:
        if (name := _attribute(trial, seed)) in study.optuna_study.user_attrs:
            value = study.optuna_study.user_attrs[name]
            found[seed] = math.inf if value is None else value
    return list(found.values())


def _rank(study: Study, trial: FrozenTrial) -> tuple[float, float]:
    steps = trial.user_attrs["harness"]["steps_to_solve"]
    value = trial.value or 0.0
    return (-value if study.maximises else value), (math.inf if steps is None else steps)


def _attribute(trial: FrozenTrial, seed: int) -> str:
    return f"confirmed {trial.number} on {seed}"
