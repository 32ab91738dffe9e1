"""What tuning showed: expected best score by number of trials, importance of what was searched, the learning rate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState

from harness.tuning.study import Study

_FEWEST = 20  # complete trials for an importance: of fewer, the best of them are too few to say anything
_BEST = 0.25  # share of trials that count as good: at Optuna's own 0.1, what does nothing may come first at 20 trials


def scores(study: Study, trials: Sequence[FrozenTrial]) -> list[float]:
    """One a trial, as the objective counts it; a pruned one has the score it was pruned at, a failed one chance.

    Where chance has no score (a loss), what is not known counts as the worst of the others.
    """
    known = [_score(study, trial) for trial in trials]
    chance = {"accuracy": study.chance, "steps_to_solve": study.defaults[0].steps * (2 - study.chance)}
    worst = chance.get(study.search.objective, max((score for score in known if score is not None), default=math.nan))
    return [worst if score is None else score for score in known]


def expected_best(values: Sequence[float], maximises: bool = True) -> list[float]:
    """The expected best of n trials, n = 1 .. N, of N independent ones (Dodge et al. 2019, equations 3 and 4).

    With the N values in order, the best of n drawn with replacement is the i-th with probability
    (i/N)^n - ((i-1)/N)^n. TPE's trials are not independent: for them it is a summary and no forecast.
    """
    ordered, total = sorted(values, reverse=not maximises), len(values)
    return [
        math.fsum(((i / total) ** n - ((i - 1) / total) ** n) * value for i, value in enumerate(ordered, start=1))
        for n in range(1, total + 1)
    ]


def importances(study: Study) -> dict[str, float]:
    """Share of each name in what makes trials good (PED-ANOVA, Watanabe et al. 2023); empty for too few trials."""
    complete = [trial for trial in study.ended() if trial.state == TrialState.COMPLETE]
    if len(complete) < _FEWEST or len({trial.value for trial in complete}) < 2:
        return {}
    study_of_complete = optuna.create_study(direction="maximize" if study.maximises else "minimize")
    study_of_complete.add_trials(complete)  # without stale ones
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where nothing can be told apart all are alike, and so they are shown
        return optuna.importance.get_param_importances(
            study_of_complete, evaluator=PedAnovaImportanceEvaluator(target_quantile=_BEST)
        )


def _score(study: Study, trial: FrozenTrial) -> float | None:
    if trial.state == TrialState.COMPLETE:
        return trial.value
    if trial.state != TrialState.PRUNED or study.search.objective == "loss":
        return None
    seen: float = trial.user_attrs["harness"]["accuracy"]
    return seen if study.maximises else study.defaults[0].steps * (2 - seen)
