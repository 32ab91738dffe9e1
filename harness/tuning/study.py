"""One study: the trials of one architecture on one task, stored by Optuna, asked and told by any number of drivers.

A trial is stale when its worker or its driver ended before it: it is told FAIL, does not count towards the number of
trials, and its setting is tried again. Each trial names its driver, so that other drivers see which ones are stale.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Literal

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from harness.errors import UsageError
from harness.process import heartbeat
from harness.space import Space
from harness.spec import RunSpec
from harness.training.build import build_task
from harness.training.seeds import derive_seed
from harness.tuning.space import distributions, first_trial

Objective = Literal["accuracy", "steps_to_solve", "loss"]
Prune = Literal["median", "halving", "none"]
_REPORTS = 25  # of one trial, at most: a storage takes milliseconds for each
_SECONDS_TO_ENQUEUE = 3.0  # for the driver that created the study to enqueue the default trial
_SECONDS_WITHOUT_A_DRIVER = 60.0  # after which a trial that names no driver is stale


@dataclass(frozen=True)
class Search:
    """How trials are chosen, measured and cut short: the same for every study of one command."""

    trials: int = 50  # wanted in all
    objective: Objective = "accuracy"
    prune: Prune = "median"
    seed: int = 0  # of the sampler and of every training
    retry: int = 1  # times that a setting whose worker died is tried again


@dataclass
class Study:
    """One architecture on one task: `defaults` are the runs of its first trial, one a length."""

    defaults: list[RunSpec]
    space: dict[str, Space]
    search: Search
    params: int | None
    storage: BaseStorage
    driver: str
    last_heartbeat: float = 0.0
    optuna_study: optuna.Study = field(init=False)
    solved_at: float = field(init=False)
    chance: float = field(init=False)  # the mean over lengths

    def __post_init__(self) -> None:
        task = build_task(self.defaults[0].task, self.defaults[0].task_options)
        self.solved_at = task.solved_at
        self.chance = fmean(task.chance(spec.length) for spec in self.defaults)
        self.optuna_study = self._open()
        self.optuna_study.pruner = self._pruner()
        self._refuse_another_space()
        self.send_heartbeat()
        self.fail_stale_trials()

    @property
    def label(self) -> str:
        return self.defaults[0].label

    @property
    def digest(self) -> str:
        """Of all that is fixed in every trial: 8 hexadecimal digits. The space is not part of it."""
        fixed = [spec.identity for spec in self.defaults]
        content = json.dumps([fixed, self.params, self.search.objective, self.search.seed])
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        lengths = ",".join(str(spec.length) for spec in self.defaults)
        return f"{self.label} on {self.defaults[0].task_label} {lengths} {self.digest}"

    @property
    def maximises(self) -> bool:
        return self.search.objective == "accuracy"

    @property
    def interval(self) -> int:
        """Steps between two values that the pruner sees."""
        spec = self.defaults[0]
        return spec.validate_every * max(1, math.ceil(spec.steps / spec.validate_every / _REPORTS))

    def ask(self) -> optuna.Trial | None:
        """The next trial; None where as many as wanted have ended or are under way, here or elsewhere.

        What is drawn depends on the seed, on how many trials count, and on their results: not on how often the command
        was started.
        """
        counted = self.counted()
        waiting = [trial for trial in counted if trial.state == TrialState.WAITING]
        if len(counted) - len(waiting) >= self.search.trials or (not waiting and len(counted) >= self.search.trials):
            return None
        self.optuna_study.sampler = optuna.samplers.TPESampler(
            seed=derive_seed(self.search.seed, "tune", len(counted)) % 2**32
        )
        trial = self.optuna_study.ask(distributions(self.space))
        trial.set_user_attr("driver", self.driver)
        if sum(other.number < trial.number for other in self.counted()) >= self.search.trials:
            self.fail_stale(trial, again=False)  # another driver asked at the same moment
            return None
        return trial

    def counted(self) -> list[FrozenTrial]:
        """Trials that count towards the number wanted: all but the stale ones."""
        return [trial for trial in self.optuna_study.get_trials(deepcopy=False) if not trial.user_attrs.get("stale")]

    def ended(self) -> list[FrozenTrial]:
        return [trial for trial in self.counted() if trial.state.is_finished()]

    def specs(self, trial: FrozenTrial | optuna.Trial, seed: int | None = None) -> list[RunSpec]:
        """The runs of a trial, one a length, but for the hidden_size that --params asks for."""
        seed = self.search.seed if seed is None else seed
        return [replace(spec.with_values(trial.params), seed=seed) for spec in self.defaults]

    def default_score(self) -> float | None:
        """Of the default setting; None where it has not come to its end."""
        default = first_trial(self.space, self.defaults[0])
        complete = [trial for trial in self.counted() if trial.state == TrialState.COMPLETE]
        return next((trial.value for trial in complete if trial.params == default), None)

    def fail_stale(self, trial: FrozenTrial | optuna.Trial, again: bool = True) -> None:
        """Tells FAIL for a trial whose worker or driver ended before it; its setting is tried again."""
        attempt = trial.user_attrs.get("attempt", 1)
        whole = getattr(trial, "system_attrs", {})  # of one that was cut short while it was asked
        params = whole.get("fixed_params", trial.params)
        with suppress(UpdateFinishedTrialError, ValueError):  # another driver was faster
            self.storage.set_trial_user_attr(trial._trial_id, "stale", True)
            self.optuna_study.tell(trial.number, state=TrialState.FAIL)
            if again and set(params) == set(self.space):
                self.optuna_study.enqueue_trial(params, user_attrs={"attempt": attempt + 1})

    def fail_stale_trials(self) -> None:
        """Fails the trials of drivers that have ended."""
        heartbeats = self.optuna_study.user_attrs
        for trial in self.optuna_study.get_trials(deepcopy=False):
            driver = trial.user_attrs.get("driver", "")
            if trial.state != TrialState.RUNNING or driver == self.driver:
                continue
            began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
            if not driver and time.time() - began < _SECONDS_WITHOUT_A_DRIVER:
                continue
            if not driver or heartbeat.is_stale(driver, heartbeats.get(f"driver {driver}", began)):
                self.fail_stale(trial)

    def send_heartbeat(self) -> None:
        """Tells drivers on other machines, now and then, that this one works."""
        if time.time() - self.last_heartbeat >= heartbeat.HEARTBEAT_SECONDS:
            self.last_heartbeat = time.time()
            self.optuna_study.set_user_attr(f"driver {self.driver}", self.last_heartbeat)

    def _open(self) -> optuna.Study:
        """Creates or loads the study. The driver that creates it enqueues the default setting."""
        direction: Literal["maximize", "minimize"] = "maximize" if self.maximises else "minimize"
        try:
            study = optuna.create_study(study_name=self.name, storage=self.storage, direction=direction)
        except DuplicatedStudyError:
            study = optuna.load_study(study_name=self.name, storage=self.storage)
            deadline = time.monotonic() + _SECONDS_TO_ENQUEUE
            while not study.get_trials(deepcopy=False) and time.monotonic() < deadline:
                time.sleep(0.1)
        if "space" not in study.user_attrs:
            study.set_user_attr("optuna", optuna.__version__)
            study.set_user_attr("space", space_as_text(self.space))
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(first_trial(self.space, self.defaults[0]), skip_if_exists=True)
        return study

    def _refuse_another_space(self) -> None:
        before, now = self.optuna_study.user_attrs["space"], space_as_text(self.space)
        for name in [*before, *now]:
            if before.get(name) != now.get(name):
                was, wanted = (space.get(name, "not searched") for space in (before, now))
                raise UsageError(
                    f"The study {self.name!r} has another space for {name}: it was {was}, and is to be {wanted}.\n"
                    "Type the space it has, or begin another study with --storage."
                )

    def _pruner(self) -> optuna.pruners.BasePruner:
        """Optuna's. Neither prunes before about a quarter of the budget, since learning has plateaus."""
        steps = self.defaults[0].steps
        if self.search.prune == "median":
            return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=steps // 4)
        if self.search.prune == "halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, steps // 16), reduction_factor=4)
        return optuna.pruners.NopPruner()


def space_as_text(space: Mapping[str, Space]) -> dict[str, str]:
    """To be compared and shown."""
    return {name: str(one) for name, one in space.items()}
