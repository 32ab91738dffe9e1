"""The numbers of a report as data frames of pandas, which is imported here only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.analysis.aggregation import summarise
from harness.analysis.rows import COLUMNS, run_rows
from harness.analysis.stats import Interval
from harness.report import Results
from harness.study_record import StudyRecord


def run_frame(results: Results) -> pd.DataFrame:
    """One row for each run, length and metric: columns and numbers of the CSV. `tested_at` is <NA> for a whole run."""
    frame = pd.DataFrame(list(run_rows(results)), columns=list(COLUMNS))
    tested = pd.to_numeric(frame["tested_at"], errors="coerce").astype("Int64")
    return frame.assign(tested_at=tested, value=frame["value"].astype(float))


def curve_frame(results: Results) -> pd.DataFrame:
    """Accuracy against length: one row for each task, architecture and length, over its seeds.

    `low` and `high` are the 95 % interval of the mean, NaN where there is none; `lowest` and `highest` the seeds'.
    """
    return pd.DataFrame(list(_curve_rows(results)), columns=_CURVE)


def pair_frame(results: Results) -> pd.DataFrame:
    """Two architectures on one task, compared seed by seed: difference of scores, its interval, p, and p after Holm."""
    return pd.DataFrame(list(_pair_rows(results)), columns=_PAIR)


def learning_frame(results: Results) -> pd.DataFrame:
    """Learning curves: one row for each run and validation."""
    rows = [
        {
            "identity": record.identity or record.spec.identity,
            "task": record.spec.task_label,
            "architecture": record.spec.label,
            "seed": record.spec.seed,
            "trained_at": record.spec.length,
            **vars(point),
        }
        for record in results.records
        for point in record.curve
    ]
    return pd.DataFrame(rows, columns=_LEARNING)


def finding_frame(record: StudyRecord) -> pd.DataFrame:
    """The expectations of a study, one row each; `p` is after Holm, NaN where no test was made."""
    names = ("says", "claimed", "measured", "verdict", "reason", "seeds", "p", "needed")
    rows = [{name: getattr(one, name) for name in names} for one in record.findings]
    frame = pd.DataFrame(rows, columns=list(names))
    return frame.assign(p=frame["p"].astype(float), needed=frame["needed"].astype("Int64"))


def trial_frame(results: Results) -> pd.DataFrame:
    """The trials of searches, one row each; a column for each setting that was searched."""
    rows = [
        {
            "task": one.task_label,
            "architecture": one.label,
            "trial": trial.number,
            "state": trial.state,
            "score": trial.score,
            "steps": trial.steps,
            **trial.values,
        }
        for one in results.searches
        for trial in one.trials
    ]
    searched = dict.fromkeys(name for one in results.searches for trial in one.trials for name in trial.values)
    return pd.DataFrame(rows, columns=["task", "architecture", "trial", "state", "score", "steps", *searched])


def setting_frame(results: Results) -> pd.DataFrame:
    """What was searched, and what was chosen, one row for each architecture, task and setting."""
    rows = [
        (one.task_label, one.label, name, space, one.values[name])
        for one in results.searches
        for name, space in one.space.items()
    ]
    return pd.DataFrame(rows, columns=["task", "architecture", "setting", "searched", "chosen"])


_CURVE = [
    *("task", "architecture", "length", "mean", "low", "high", "lowest", "highest", "median", "interquartile_mean"),
    *("solving", "seeds", "failed", "solved", "chance", "solved_at"),
]
_PAIR = [
    *("task", "first", "second", "difference", "low", "high", "first_better", "p", "p_holm", "seeds", "told_apart"),
]
_LEARNING = [
    *("identity", "task", "architecture", "seed", "trained_at", "step", "train_loss", "validation_loss"),
    *("validation_accuracy", "lr", "gradient_norm", "train_accuracy"),
]


def _curve_rows(results: Results) -> Iterator[dict[str, Any]]:
    for task in summarise(results).tasks:
        for architecture in task.architectures:
            for length, one in architecture.lengths.items():
                spread = one.range or Interval(one.mean, one.mean)
                yield {
                    "task": task.label,
                    "architecture": architecture.label,
                    "length": length,
                    "mean": one.mean,
                    **_bounds(one.interval),
                    "lowest": spread.low,
                    "highest": spread.high,
                    "median": one.median,
                    "interquartile_mean": one.interquartile_mean,
                    "solving": one.solving,
                    "seeds": one.seeds,
                    "failed": one.failed,
                    "solved": one.solved,
                    "chance": one.chance,
                    "solved_at": one.solved_at,
                }


def _pair_rows(results: Results) -> Iterator[dict[str, Any]]:
    for task in summarise(results).tasks:
        for pair in task.pairs:
            yield {
                "task": task.label,
                "first": pair.first,
                "second": pair.second,
                "difference": pair.paired.difference,
                **_bounds(pair.paired.interval),
                "first_better": pair.paired.better,
                "p": float("nan") if pair.paired.p is None else pair.paired.p,
                "p_holm": float("nan") if pair.p is None else pair.p,
                "seeds": pair.paired.seeds,
                "told_apart": pair.told_apart,
            }


def _bounds(interval: Interval | None) -> dict[str, float]:
    return {"low": interval.low, "high": interval.high} if interval else {"low": float("nan"), "high": float("nan")}
