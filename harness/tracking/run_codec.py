"""A run as MLflow keeps it: a record as parameters, metrics and tags, and a record out of them again."""

from __future__ import annotations

import json
from dataclasses import astuple
from functools import lru_cache
from typing import cast

from mlflow.entities import Metric, Param, Run, RunTag

from harness.record import CurvePoint, Record, Scores, Status
from harness.spec import RunSpec

_PARAM_LENGTH, _TAG_LENGTH = 6000, 8000  # MLflow's limits
_WHOLE = ("steps", "steps_to_solve", "steps_per_sequence", "state_size", "attempt")
_NUMBERS = (*_WHOLE, "seconds", "tokens_per_second", "solved_at")
SCORES = ("accuracy", "loss", "exact_match", "bits")
_ENVIRONMENT = "harness.environment."
LEARNING = ("train_loss", "validation_loss", "validation_accuracy", "lr", "gradient_norm", "train_accuracy")
_POINTS = 100  # of a learning curve in a tag


def params_of(spec: RunSpec) -> list[Param]:
    """Every resolved setting, flat, for MLflow's columns."""
    plain = {
        "architecture": spec.architecture,
        "label": spec.label,
        "task": spec.task,
        "length": spec.length,
        "seed": spec.seed,
    }
    skipped = {*plain, "architecture_options", "task_options", "asked", "task_label"}
    rest = {key: value for key, value in json.loads(spec.to_json()).items() if key not in skipped}
    options = {f"{spec.task_label.split()[0]}.{key}": value for key, value in spec.task_options.items()}
    values = {**plain, **rest, **spec.architecture_options, **options}
    return [Param(key, str(value)[:_PARAM_LENGTH]) for key, value in values.items()]


def metrics_of(record: Record, now: int) -> list[Metric]:
    values: dict[str, float | None] = {name: getattr(record, name) for name in _NUMBERS}
    values |= {f"parameters.{part}": count for part, count in record.parameters.items()}
    values["parameters"] = sum(record.parameters.values())
    suffixes = _suffixes(record.spec)
    for length, scores in record.scores.items():
        values |= {f"{name}{suffixes[length]}": getattr(scores, name) for name in SCORES}
    values |= {f"chance{suffixes[length]}": chance for length, chance in record.chances.items()}
    if record.spec.length_from is not None:
        values |= {"accuracy": record.accuracy, "chance": record.chance}  # means over the lengths tested at
    metrics = [Metric(name, value, now, 0) for name, value in values.items() if value is not None]
    for point in record.curve:
        values = {name: getattr(point, name) for name in LEARNING}
        metrics += [Metric(name, value, now, point.step) for name, value in values.items() if value is not None]
    return metrics


def tags_of(record: Record) -> list[RunTag]:
    """What is not a number; the learning curve is here too, so that many runs are read without a query for each."""
    tags = {f"{_ENVIRONMENT}{key}": value for key, value in record.environment.items()}
    tags["harness.asked"] = json.dumps(record.spec.asked)
    tags["harness.reason"] = record.reason[:_TAG_LENGTH]
    tags["harness.notes"] = "\n".join(record.notes)[:_TAG_LENGTH]
    tags["harness.traceback"] = record.traceback[-_TAG_LENGTH:]
    tags["harness.learning_curve"] = json.dumps([_rounded(point) for point in thinned(record.curve)])
    return [RunTag(key, value) for key, value in tags.items() if value]


def _rounded(point: CurvePoint) -> list[float | int | None]:
    """With six digits, so that a hundred points fit into a tag."""
    return [value if value is None or type(value) is int else float(f"{value:.6g}") for value in astuple(point)]


def thinned(curve: list[CurvePoint]) -> list[CurvePoint]:
    """At most a hundred points, evenly spread, the last among them: more do not fit into a tag, nor into a figure."""
    stride = -(-len(curve) // _POINTS) or 1
    return curve[::-1][::stride][::-1]


def record_of(run: Run, curve: bool = False) -> Record:
    """The record of an ended cell run, its learning curve (thinned) if asked; raises where another version wrote it."""
    tags, metrics = run.data.tags, run.data.metrics
    spec = RunSpec.from_json(tags["harness.spec"])
    whole = {name: int(metrics[name]) for name in _WHOLE if name in metrics}
    return Record(
        spec,
        identity=tags["harness.identity"],
        status=cast(Status, tags["harness.status"]),
        reason=tags.get("harness.reason", ""),
        traceback=tags.get("harness.traceback", ""),
        notes=tags.get("harness.notes", "").splitlines(),
        scores=_scores(spec, metrics),
        chances=_chances(spec, metrics),
        seconds=metrics.get("seconds", 0.0),
        tokens_per_second=metrics.get("tokens_per_second", 0.0),
        solved_at=metrics.get("solved_at", 1.0),
        parameters={k.removeprefix("parameters."): int(v) for k, v in metrics.items() if k.startswith("parameters.")},
        environment=_environment(tuple((k, v) for k, v in sorted(tags.items()) if k.startswith(_ENVIRONMENT))),
        steps=whole.get("steps", 0),
        steps_to_solve=whole.get("steps_to_solve"),
        steps_per_sequence=whole.get("steps_per_sequence", 0),
        state_size=whole.get("state_size"),
        attempt=whole.get("attempt", 1),
        curve=[CurvePoint(*point) for point in json.loads(tags["harness.learning_curve"])] if curve else [],
    )


def _scores(spec: RunSpec, metrics: dict[str, float]) -> dict[int, Scores]:
    return {
        length: Scores(*(metrics.get(f"{name}{suffix}") for name in SCORES))  # type: ignore[arg-type]
        for length, suffix in _suffixes(spec).items()
        if f"accuracy{suffix}" in metrics
    }


@lru_cache(maxsize=256)
def _environment(tags: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """One for all the runs of a machine: thousands of them are held at once."""
    return {key.removeprefix(_ENVIRONMENT): value for key, value in tags}


def _chances(spec: RunSpec, metrics: dict[str, float]) -> dict[int, float]:
    return {n: metrics[f"chance{suffix}"] for n, suffix in _suffixes(spec).items() if f"chance{suffix}" in metrics}


def _suffixes(spec: RunSpec) -> dict[int, str]:
    """By test length, what the names of its metrics end with: nothing at the one length trained at."""
    own = spec.length if spec.length_from is None else None
    return {length: "" if length == own else f"_at_{length}" for length in spec.tested}
