"""The driver of a search: asks studies for trials, has an engine run them, tells the studies their values."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from optuna.trial import TrialState

from harness.engines import Engine
from harness.errors import HarnessError
from harness.process import heartbeat
from harness.record import Progress, Record
from harness.spec import RunSpec
from harness.sweeps.driver import Display, Driver, Rules
from harness.tracking import tags as names
from harness.tracking.store import Store
from harness.tracking.tags import Kind
from harness.training.build import build_model, build_task
from harness.training.sizing import match
from harness.tuning.running_trial import RunningTrial, TrialResult
from harness.tuning.study import Study

_POLL_SECONDS = 1.0  # between looks at trials that other drivers run


class SearchDisplay(Display, Protocol):
    """Shows a search while it goes on."""

    def searching(self, runs: Mapping[str, RunSpec]) -> None:
        """Trials begin; `runs` by key grows with every trial."""

    def confirming(self, runs: Mapping[str, RunSpec]) -> None:
        """The trials have ended; these runs on fresh seeds, by key, come next."""

    def trial_ended(self, result: TrialResult) -> None:
        """All runs of a trial have ended, and its study was told."""


class _StudyHeartbeats:
    def __init__(self, studies: Sequence[Study]) -> None:
        self.studies = studies

    def send_heartbeat(self) -> None:
        for study in self.studies:
            study.send_heartbeat()


class StudyDriver(Driver):
    """Executes runs that belong to studies. Their records are of another kind and never reused by sweeps."""

    def __init__(self, store: Store, display: Display, studies: Sequence[Study], rules: Rules) -> None:
        super().__init__(store, display, _StudyHeartbeats(studies), {}, "", replace(rules, retry=0, shared=False))
        self.studies = studies
        self.tags: dict[str, Mapping[str, str]] = {}  # of the MLflow run, by key
        for study in studies:
            self._mark_stale_runs(study)

    def plan_run(self, key: str, spec: RunSpec, study: Study, kind: Kind, trial: int) -> None:
        """Adds a run of a trial under a key."""
        self.planned[key] = spec
        self.tags[key] = {
            names.KIND: kind,
            names.SWEEP: study.digest,
            names.STUDY: study.digest,
            names.TRIAL: str(trial),
            names.RUN_NAME: f"{spec.label} {kind} {trial} T={spec.length} seed={spec.seed}",
        }

    def start_run(self, key: str) -> str:
        return self.store.start(self.planned[key], "", self.tags[key])

    def _mark_stale_runs(self, study: Study) -> None:
        """Marks MLflow runs that a driver left RUNNING when it ended."""
        heartbeats = study.optuna_study.user_attrs

        def is_stale(driver: str) -> bool:
            return heartbeat.is_stale(driver, heartbeats.get(f"driver {driver}", 0.0))

        self.store.mark_stale_trials(study.defaults[0].task_label, study.digest, is_stale)


class Trials(StudyDriver):
    """The trials of some studies, in turn, on one engine."""

    def __init__(self, store: Store, display: SearchDisplay, studies: Sequence[Study], rules: Rules) -> None:
        super().__init__(store, display, studies, rules)
        self.search_display = display
        self.trials: dict[str, RunningTrial] = {}  # by key of each run that has not ended
        self.asked: Counter[str] = Counter()  # trials, by name of the study
        self.engine: Engine | None = None

    def search(self, engine: Engine) -> bool:
        """Runs trials until every study has as many as are wanted; whether it was interrupted."""
        self.engine = engine
        try:
            while True:
                if self.drive(engine, self._ask(engine)):
                    return True
                if self.stopped or not self._others_at_work():
                    return False
                time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            return True
        finally:
            for running in {id(running): running for running in self.trials.values()}.values():
                running.study.fail_stale(running.trial)

    def claim(self, key: str) -> bool:
        return key in self.trials and super().claim(key)

    def progressed(self, key: str, progress: Progress) -> None:
        super().progressed(key, progress)
        running = self.trials.get(key)
        if running:
            running.observe(key, progress.validations)
            self._stop_if_doomed(running)

    def finish_run(self, key: str, record: Record, engine: Engine | None = None) -> None:
        super().finish_run(key, record, engine)
        running = self.trials.pop(key)
        running.end(key, record)
        self._stop_if_doomed(running)
        if running.ended:
            self.search_display.trial_ended(running.tell())
        if engine:
            for new in self._ask(engine):
                engine.submit(new, self.planned[new])

    def _stop_if_doomed(self, running: RunningTrial) -> None:
        """Stops the runs of a trial that is pruned or failed, and drops those that have not begun."""
        if not running.doomed or self.engine is None:
            return
        for key in running.specs.keys() - running.records.keys():
            if key in self.running:
                self.engine.stop(key)
            else:
                del running.specs[key], self.trials[key]

    def _ask(self, engine: Engine) -> list[str]:
        """Keys of the runs of as many new trials as the engine can execute at once."""
        keys: list[str] = []
        while len(self.trials) < engine.capacity:
            running = self._next()
            if not running:
                break
            keys += running.specs
            self.trials |= dict.fromkeys(running.specs, running)
        return keys

    def _next(self) -> RunningTrial | None:
        """A trial of the study that was asked for the fewest; None where no study wants more."""
        for study in sorted(self.studies, key=lambda study: self.asked[study.name]):
            while trial := study.ask():
                self.asked[study.name] += 1
                try:
                    specs = sized(study.specs(trial), study.params)
                except HarnessError as error:
                    trial.set_user_attr("harness", {"reason": f"error: {error}", "steps": 0, "seconds": 0.0})
                    study.optuna_study.tell(trial, state=TrialState.FAIL)
                    continue
                by_key = {f"{study.digest}/{trial.number}/{spec.length}": spec for spec in specs}
                for key, spec in by_key.items():
                    self.plan_run(key, spec, study, Kind.TRIAL, trial.number)
                return RunningTrial(study, trial, by_key)
        return None

    def _others_at_work(self) -> bool:
        """Whether other drivers run trials, which this one takes over if they become stale."""
        for study in self.studies:
            study.fail_stale_trials()
        return any(trial.state == TrialState.RUNNING for study in self.studies for trial in study.counted())


def sized(specs: list[RunSpec], params: int | None) -> list[RunSpec]:
    """The runs of a trial at the hidden_size that gives its model the asked number of parameters."""
    if params is None:
        return specs
    longest = max(specs, key=lambda spec: spec.length)
    task = build_task(longest.task, longest.task_options)
    size = match(lambda size: build_model(replace(longest, hidden_size=size), task), params).hidden_size
    return [replace(spec, hidden_size=size) for spec in specs]
