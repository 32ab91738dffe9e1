"""JSON: every record, and the numbers made of them; `schema.json` beside this file says what is where.

`harness compare --baseline FILE` reads it back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.analysis import verdict
from harness.analysis.results_json import document, dumps
from harness.analysis.summary import Cell, Curve, Pair, TaskSummary, summarise
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
        "certainty": verdict.certainty(task),
        "lengths": task.lengths,
        "chances": task.chances,
        "solved_at": task.solved_at,
        "seeds": task.seeds,
        "missing": task.missing,
        "architectures": [_curve(curve) for curve in task.curves],
        "pairs": [_pair(pair) for pair in task.pairs],
        "groups": task.groups,
    }


def _curve(curve: Curve) -> dict[str, Any]:
    names = ("horizon", "horizon_interval", "score", "score_interval", "refused", "parameters", "state_size")
    values = {**{name: getattr(curve, name) for name in names}, "tested_elsewhere": curve.elsewhere}
    return {"architecture": curve.label, **values, "cells": [_cell(cell) for cell in curve.cells.values()]}


def _cell(cell: Cell) -> dict[str, Any]:
    names = ("length", "chance", "mean", "interval", "median", "interquartile_mean", "interquartile_interval",
             "mean_without_failed", "solved", "solved_interval", "failed", "seconds", "tokens_per_second")  # fmt: skip
    steps = {"steps_to_solve": cell.steps.median, "steps_to_solve_interval": cell.steps.interval}
    return {**{name: getattr(cell, name) for name in names}, "seeds": len(cell.scores), "scores": cell.scores, **steps}


def _pair(pair: Pair) -> dict[str, Any]:
    values = {name: getattr(pair.paired, name) for name in ("seeds", "difference", "interval", "p", "better")}
    return {"first": pair.first, "second": pair.second, **values, "p_holm": pair.p, "told_apart": pair.told_apart}
