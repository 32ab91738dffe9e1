"""JSON: every record, and the numbers made of them; `schema.json` beside this file says what is where.

`harness compare --baseline FILE` reads it back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.analysis import verdict
from harness.analysis.aggregation import summarise
from harness.analysis.results_json import document, dumps
from harness.analysis.summary import ArchitectureSummary, LengthSummary, Pair, TaskSummary, TrainingSummary
from harness.report import Results

from ._files import write as write_file

SCHEMA = Path(__file__).with_name("schema.json")


def write(results: Results, folder: Path) -> list[Path]:
    """Writes records and summary as one document."""
    summary = summarise(results)
    numbers = {"tasks": [_task(task) for task in summary.tasks], "mean_ranks": summary.ranks}
    return [write_file(results, folder, "json", dumps({**document(results), "summary": numbers}))]


def _task(task: TaskSummary) -> dict[str, Any]:
    return {
        "task": task.label,
        "verdict": verdict.headline(task),
        "mixture": verdict.mixture(task),
        "certainty": verdict.certainty(task),
        "sizes": verdict.sizes(task),
        "frames": verdict.frames(task),
        "lengths": task.lengths,
        "chances": task.chances,
        "solved_at": task.solved_at,
        "seeds": task.seeds,
        "missing": task.missing,
        "architectures": [_architecture(one) for one in task.architectures],
        "pairs": [_pair(pair) for pair in task.pairs],
        "tiers": task.tiers,
        "groups": task.groups,
    }


def _architecture(one: ArchitectureSummary) -> dict[str, Any]:
    names = (
        "horizon",
        "horizons",
        "score",
        "score_interval",
        "score_range",
        "refused",
        "failed",
        "parameters",
        "hidden_sizes",
        "state_size",
    )
    return {
        "architecture": one.label,
        **{name: getattr(one, name) for name in names},
        "lengths": [_length(at) for at in one.lengths.values()],
        "trainings": {n: _training(training) for n, training in one.trainings.items()},
        "at_other_lengths": {n: {m: at.mean for m, at in tested.items()} for n, tested in one.at_other_lengths.items()},
    }


def _length(at: LengthSummary) -> dict[str, Any]:
    names = (
        "length",
        "chance",
        "seeds",
        "scores",
        "runs",
        "failures",
        "mean",
        "interval",
        "range",
        "median",
        "interquartile_mean",
        "mean_without_failed",
        "solved",
        "solving",
        "solving_interval",
        "failed",
        "bits",
        "forced_error",
        "free_error",
    )
    return {name: getattr(at, name) for name in names}


def _training(training: TrainingSummary) -> dict[str, Any]:
    steps = training.steps
    return {
        "steps_to_threshold": steps.median,
        "steps_to_threshold_interval": steps.interval,
        "steps_to_threshold_range": steps.range,
        "reached": steps.reached,
        "budget": training.budget,
        "seconds": training.seconds,
        "tokens_per_second": training.tokens_per_second,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    values = {name: getattr(pair.paired, name) for name in ("seeds", "difference", "interval", "range", "p", "better")}
    return {"first": pair.first, "second": pair.second, **values, "p_holm": pair.p, "told_apart": pair.told_apart}
