"""One study: the trials of one architecture on one task, kept by Optuna, asked and told by whichever driver is there.

Trials are counted by what stands: a trial that was lost with its worker or its driver is told FAIL, does not count, and
its setting is asked again. Any number of drivers share a study: each trial names its driver, and a driver that died
loses its trials to the others.
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
from typing import Literal, get_args

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
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
Prune = Literal["median", "halving", "none"]
_REPORTS = 25  # of one trial, at most: a storage takes milliseconds for each
_SECONDS_TO_MAKE_IT = 3.0  # which another driver may be at: two would both put the default setting first
_SECONDS_WITHOUT_A_NAME = 60.0  # after which a trial that names no driver is taken for lost


@dataclass(frozen=True)
class Search:
    """How trials are chosen, measured and cut short: the same for every study of one command."""

    trials: int = 50  # wanted in all
    objective: Objective = "accuracy"
    prune: Prune = "median"
    seed: int = 0  # of the sampler and of every training
    retry: int = 1  # times that a setting whose worker was lost is asked again


@dataclass
class Study:
    """One architecture on one task: `defaults` are the runs of its first trial, one a length."""

    defaults: list[RunSpec]
    space: dict[str, Space]
    search: Search
    params: int | None
    storage: BaseStorage
    driver: str
    last_beat: float = 0.0
    kept: optuna.Study = field(init=False)
    solved_at: float = field(init=False)
    chance: float = field(init=False)  # the mean over lengths

    def __post_init__(self) -> None:
        task = build_task(self.defaults[0].task, self.defaults[0].task_options)
        self.solved_at = task.solved_at
        self.chance = fmean(task.chance(spec.length) for spec in self.defaults)
        self.kept = self._opened()
        self.kept.pruner = self._pruner()
        self._check_space()
        self.beat()
        self.bury_the_dead()

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

        What is drawn depends on the seed, on how many trials stand, and on what they found: not on how often the
        command was begun.
        """
        standing = self.standing()
        waiting = [trial for trial in standing if trial.state == TrialState.WAITING]
        if len(standing) - len(waiting) >= self.search.trials or (not waiting and len(standing) >= self.search.trials):
            return None
        self.kept.sampler = optuna.samplers.TPESampler(
            seed=derive_seed(self.search.seed, "tune", len(standing)) % 2**32
        )
        trial = self.kept.ask(distributions(self.space))
        trial.set_user_attr("driver", self.driver)
        if sum(other.number < trial.number for other in self.standing()) >= self.search.trials:
            self.lose(trial, again=False)  # another driver asked at the same moment
            return None
        return trial

    def standing(self) -> list[FrozenTrial]:
        """Trials that count: all but the lost ones."""
        return [trial for trial in self.kept.get_trials(deepcopy=False) if not _lost(trial)]

    def ended(self) -> list[FrozenTrial]:
        return [trial for trial in self.standing() if trial.state.is_finished()]

    def specs(self, trial: FrozenTrial | optuna.Trial, seed: int | None = None) -> list[RunSpec]:
        """The runs of a trial, one a length, but for the hidden_size that --params asks for."""
        seed = self.search.seed if seed is None else seed
        return [replace(spec.with_values(trial.params), seed=seed) for spec in self.defaults]

    def default_score(self) -> float | None:
        """Of the default setting; None where it has not come to its end."""
        default = first_trial(self.space, self.defaults[0])
        complete = [trial for trial in self.standing() if trial.state == TrialState.COMPLETE]
        return next((trial.value for trial in complete if trial.params == default), None)

    def lose(self, trial: FrozenTrial | optuna.Trial, again: bool = True) -> None:
        """Tells that a trial was lost with its worker or its driver; its setting is asked again."""
        attempt = trial.user_attrs.get("attempt", 1)
        whole = getattr(trial, "system_attrs", {})  # of one that was cut short while it was asked
        params = whole.get("fixed_params", trial.params)
        with suppress(UpdateFinishedTrialError, ValueError):  # another driver was faster
            self.storage.set_trial_user_attr(trial._trial_id, "lost", True)
            self.kept.tell(trial.number, state=TrialState.FAIL)
            if again and set(params) == set(self.space):
                self.kept.enqueue_trial(params, user_attrs={"attempt": attempt + 1})

    def bury_the_dead(self) -> None:
        """Loses the trials of drivers that are gone."""
        beats = self.kept.user_attrs
        for trial in self.kept.get_trials(deepcopy=False):
            driver = trial.user_attrs.get("driver", "")
            if trial.state != TrialState.RUNNING or driver == self.driver:
                continue
            began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
            if not driver and time.time() - began < _SECONDS_WITHOUT_A_NAME:
                continue
            if not driver or heartbeat.is_stale(driver, beats.get(f"driver {driver}", began)):
                self.lose(trial)

    def beat(self) -> None:
        """Tells drivers on other machines, now and then, that this one is alive."""
        if time.time() - self.last_beat >= heartbeat.HEARTBEAT_SECONDS:
            self.last_beat = time.time()
            self.kept.set_user_attr(f"driver {self.driver}", self.last_beat)

    def _opened(self) -> optuna.Study:
        """The study; whoever makes it puts the default setting first."""
        direction: Literal["maximize", "minimize"] = "maximize" if self.maximises else "minimize"
        try:
            study = optuna.create_study(study_name=self.name, storage=self.storage, direction=direction)
        except DuplicatedStudyError:
            study = optuna.load_study(study_name=self.name, storage=self.storage)
            deadline = time.monotonic() + _SECONDS_TO_MAKE_IT
            while not study.get_trials(deepcopy=False) and time.monotonic() < deadline:
                time.sleep(0.1)
        if "space" not in study.user_attrs:
            study.set_user_attr("optuna", optuna.__version__)
            study.set_user_attr("space", written(self.space))
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(first_trial(self.space, self.defaults[0]), skip_if_exists=True)
        return study

    def _check_space(self) -> None:
        before, now = self.kept.user_attrs["space"], written(self.space)
        for name in [*before, *now]:
            if before.get(name) != now.get(name):
                was, wanted = (space.get(name, "not searched") for space in (before, now))
                raise UsageError(
                    f"The study {self.name!r} has another space for {name}: it was {was}, and is to be {wanted}.\n"
                    "Type the space it has, or begin another study with --storage."
                )

    def _pruner(self) -> optuna.pruners.BasePruner:
        """Those of Optuna; neither judges before a quarter of the budget or so: tasks have plateaus."""
        steps = self.defaults[0].steps
        if self.search.prune == "median":
            return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=steps // 4)
        if self.search.prune == "halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, steps // 16), reduction_factor=4)
        return optuna.pruners.NopPruner()


def written(space: Mapping[str, Space]) -> dict[str, str]:
    """As text, to be compared and shown."""
    return {name: str(one) for name, one in space.items()}


def _lost(trial: FrozenTrial) -> bool:
    return bool(trial.user_attrs.get("lost"))
