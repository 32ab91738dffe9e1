"""The driver of a search: asks studies for trials, has an engine run them, tells what they found."""

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
from harness.tracking.store import Store
from harness.training.build import build_model, build_task
from harness.training.sizing import match
from harness.tuning.running_trial import Flight
from harness.tuning.study import Study

_SECONDS_BETWEEN_LOOKS = 1.0  # at what other drivers have


class SearchDisplay(Display, Protocol):
    """Shows a search while it goes on."""

    def landed(self, flight: Flight, state: TrialState) -> None: ...


class _Beats:
    def __init__(self, studies: Sequence[Study]) -> None:
        self.studies = studies

    def beat(self) -> None:
        for study in self.studies:
            study.beat()


class StudyDriver(Driver):
    """Runs whose records belong to studies: of another kind than the cells of a sweep, and never reused as those."""

    def __init__(self, store: Store, display: Display, studies: Sequence[Study], rules: Rules) -> None:
        super().__init__(store, display, _Beats(studies), {}, "", replace(rules, retry=0, shared=False))
        self.studies = studies
        self.tags: dict[str, Mapping[str, str]] = {}  # by key
        for study in studies:
            self._bury_the_dead(study)

    def mark(self, key: str, spec: RunSpec, study: Study, kind: str, trial: int) -> None:
        """Plans a run under a key."""
        self.planned[key] = spec
        name = f"{spec.label} {kind} {trial} T={spec.length} seed={spec.seed}"
        self.tags[key] = {
            "harness.kind": kind,
            "harness.sweep": study.digest,
            "harness.study": study.digest,
            "harness.trial": str(trial),
            "mlflow.runName": name,
        }

    def _start(self, key: str) -> str:
        return self.store.start(self.planned[key], "", self.tags[key])

    def _bury_the_dead(self, study: Study) -> None:
        """Marks runs in MLflow that drivers left RUNNING when they died."""
        running = f"tags.`harness.study` = '{study.digest}' and attributes.status = 'RUNNING'"
        beats = study.kept.user_attrs
        for run in self.store.search(study.defaults[0].task_label, running):
            driver = run.data.tags.get("harness.driver", "")
            if not (driver and not heartbeat.is_stale(driver, beats.get(f"driver {driver}", 0.0))):
                self.store.bury([run.info.run_id])


class Trials(StudyDriver):
    """The trials of some studies, in turn, on one engine."""

    def __init__(self, store: Store, display: SearchDisplay, studies: Sequence[Study], rules: Rules) -> None:
        super().__init__(store, display, studies, rules)
        self.shown = display
        self.flights: dict[str, Flight] = {}  # by key of each run that has not ended
        self.asked: Counter[str] = Counter()
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
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:
            return True
        finally:
            for flight in {id(flight): flight for flight in self.flights.values()}.values():
                flight.study.lose(flight.trial)

    def claim(self, key: str) -> bool:
        return key in self.flights and super().claim(key)

    def progressed(self, key: str, progress: Progress) -> None:
        super().progressed(key, progress)
        if flight := self.flights.get(key):
            flight.hear(key, progress.validations)
            self._give_up(flight)

    def _end(self, key: str, record: Record, engine: Engine | None = None) -> None:
        super()._end(key, record, engine)
        flight = self.flights.pop(key)
        flight.end(key, record)
        self._give_up(flight)
        if flight.landed:
            self.shown.landed(flight, flight.tell())
        if engine:
            for new in self._ask(engine):
                engine.submit(new, self.planned[new])

    def _give_up(self, flight: Flight) -> None:
        """Stops what is left of a trial that is pruned or failed, and begins nothing more of it."""
        if not flight.hopeless or self.engine is None:
            return
        for key in flight.specs.keys() - flight.records.keys():
            if key in self.running:
                self.engine.stop(key)
            else:
                del flight.specs[key], self.flights[key]

    def _ask(self, engine: Engine) -> list[str]:
        """Keys of the runs of as many new trials as the engine has room for."""
        keys: list[str] = []
        while len(self.flights) < engine.capacity and (flight := self._next()):
            keys += flight.specs
            self.flights |= dict.fromkeys(flight.specs, flight)
        return keys

    def _next(self) -> Flight | None:
        """A trial of the study that was asked least."""
        for study in sorted(self.studies, key=lambda study: self.asked[study.name]):
            while trial := study.ask():
                self.asked[study.name] += 1
                try:
                    specs = sized(study.specs(trial), study.params)
                except HarnessError as error:
                    trial.set_user_attr("harness", {"reason": f"error: {error}", "steps": 0, "seconds": 0.0})
                    study.kept.tell(trial, state=TrialState.FAIL)
                    continue
                return self._flight(study, trial.number, Flight(study, trial, self._keyed(study, trial.number, specs)))
        return None

    def _keyed(self, study: Study, number: int, specs: Sequence[RunSpec]) -> dict[str, RunSpec]:
        return {f"{study.digest}/{number}/{spec.length}": spec for spec in specs}

    def _flight(self, study: Study, number: int, flight: Flight) -> Flight:
        for key, spec in flight.specs.items():
            self.mark(key, spec, study, "trial", number)
        return flight

    def _others_at_work(self) -> bool:
        """Whether other drivers have trials that may yet be lost and be ours."""
        for study in self.studies:
            study.bury_the_dead()
        return any(trial.state == TrialState.RUNNING for study in self.studies for trial in study.standing())


def sized(specs: list[RunSpec], params: int | None) -> list[RunSpec]:
    """The runs of a trial at the hidden_size that gives its model the asked number of parameters."""
    if params is None:
        return specs
    longest = max(specs, key=lambda spec: spec.length)
    task = build_task(longest.task, longest.task_options)
    size = match(lambda size: build_model(replace(longest, hidden_size=size), task), params).hidden_size
    return [replace(spec, hidden_size=size) for spec in specs]
