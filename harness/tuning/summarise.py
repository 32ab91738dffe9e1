"""The result of a study so far: the best setting, its scores, and the budget that it took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from harness.discovery.variants import HIDDEN_SIZE
from harness.search_record import SearchRecord, Trial
from harness.space import Choice
from harness.spec import RunSpec
from harness.tuning.confirmation import confirmed, ranked
from harness.tuning.space import SETTINGS
from harness.tuning.study import Study, space_as_text
from harness.tuning.trial_statistics import expected_best, importances, scores
from harness.tuning.trials import sized

TRAINING_SETTINGS = (
    "steps",
    "batch_size",
    "lr",
    "optimizer",
    "beta2",
    "clip",
    "tbptt",
    "precision",
    "execution",
    "validate_every",
    "validation_sequences",
)
"""Settings of RunSpec that a search records."""

_STATE_NAMES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def summarise_study(study: Study, storage: str, top: int, seeds: Sequence[int]) -> SearchRecord | None:
    """The result of a study so far; None where no trial is complete."""
    candidates = ranked(study)[:top]
    if not candidates:
        return None
    best = _chosen(study, candidates, seeds)
    specs = sized(study.specs(best), study.params)
    first, ended = specs[0], study.ended()
    confirmations = confirmed(study, best, seeds)
    trials = _trials(study, ended)
    return SearchRecord(
        study=study.digest,
        name=study.name,
        storage=storage,
        architecture=first.architecture,
        task=first.task,
        label=first.label,
        task_label=first.task_label,
        task_options={key: value for key, value in first.asked.items() if key.startswith(f"{first.task_name}.")},
        lengths=[spec.length for spec in specs],
        objective=study.search.objective,
        params=study.params,
        space=space_as_text(study.space),
        logarithmic=[name for name, space in study.space.items() if not isinstance(space, Choice) and space.log],
        budget=_budget(study, ended, first, len(confirmations)),
        counts=_counts(ended),
        cost=_cost(ended),
        trial=best.number,
        score=float(best.value or 0.0),
        default_score=study.default_score(),
        chance=study.chance if study.maximises else None,
        confirmed=[value for value in confirmations if math.isfinite(value)],
        values=best.params,
        hidden_size=first.hidden_size,
        settings=_settings(first, study.params),
        seeds=[study.search.seed, *seeds],
        trials=trials,
        expected_best=expected_best([trial.score for trial in trials], study.maximises),
        importances=importances(study),
    )


def _chosen(study: Study, candidates: Sequence[FrozenTrial], seeds: Sequence[int]) -> FrozenTrial:
    """The best on fresh seeds, where all candidates have been confirmed; else the best of the search."""
    values = [confirmed(study, trial, seeds) for trial in candidates]
    if not seeds or any(len(one) < len(seeds) for one in values):
        return candidates[0]
    sign = -1 if study.maximises else 1
    return min(zip(candidates, values, strict=True), key=lambda pair: sign * fmean(pair[1]))[0]


def _budget(study: Study, ended: Sequence[FrozenTrial], spec: RunSpec, confirmations: int) -> dict[str, Any]:
    fixed = {name: getattr(spec, name) for name in TRAINING_SETTINGS if name not in study.space}
    return {
        "trials": len(ended),
        "lengths": [default.length for default in study.defaults],
        "params": study.params,
        "objective": study.search.objective,
        "pruning": study.search.prune,
        "confirmations": confirmations,
        **{name: value for name, value in fixed.items() if name not in SETTINGS},
    }


def _counts(ended: Sequence[FrozenTrial]) -> dict[str, int]:
    states = Counter(trial.state for trial in ended)
    return {name: states[state] for state, name in _STATE_NAMES.items()}


def _cost(ended: Sequence[FrozenTrial]) -> dict[str, float]:
    """Of training, pruned and failed trials included."""
    notes = [trial.user_attrs.get("harness", {}) for trial in ended]
    return {what: sum(note.get(what, 0) for note in notes) for what in ("steps", "seconds")}


def _trials(study: Study, ended: Sequence[FrozenTrial]) -> list[Trial]:
    return [
        Trial(
            trial.number,
            _STATE_NAMES[trial.state],
            score,
            trial.user_attrs.get("harness", {}).get("steps", 0),
            trial.params,
        )
        for trial, score in zip(ended, scores(study, ended), strict=True)
    ]


def _settings(spec: RunSpec, params: int | None) -> dict[str, Any]:
    """All that the training needs, but for what is the same by default."""
    plain = {name: getattr(spec, name) for name in TRAINING_SETTINGS}
    plain = {name: value for name, value in plain.items() if value != getattr(RunSpec, name)}
    size = {} if params else {HIDDEN_SIZE: spec.hidden_size}
    return {**plain, **size, **{name: value for name, value in spec.architecture_options.items() if _is_set(value)}}


def _is_set(value: Any) -> bool:
    return isinstance(value, (str, int, float))
