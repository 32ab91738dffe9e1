"""A run as MLflow keeps it: a record as parameters, metrics and tags, and a record out of them again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import astuple
from functools import cache, lru_cache
from typing import get_args

from mlflow.entities import Metric, Run
from pydantic import TypeAdapter

from harness.record import CurvePoint, Record, Scores, Status
from harness.spec import RunSpec
from harness.tracking import tags as names

_TEXT_LENGTH = 100_000  # characters of a reason, traceback or output that are kept
_WHOLE = ("steps", "steps_to_solve", "steps_per_sequence", "state_size", "attempt")
_NUMBERS = (*_WHOLE, "seconds", "tokens_per_second", "solved_at")
SCORES = ("accuracy", "loss", "exact_match", "bits", "forced_error", "free_error")
GRADIENTS = "gradients."  # prefix of metrics
LEARNING = ("train_loss", "validation_loss", "validation_accuracy", "lr", "gradient_norm", "train_accuracy")
_Point = tuple[int, float, float, float, float, float, float | None]  # the fields of a CurvePoint
_SURROGATE = re.compile(r"(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}")  # in JSON; half of a pair, as in odd file names
_POINTS = 100  # of a learning curve in a tag


def params_of(spec: RunSpec) -> dict[str, object]:
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
    options = {f"{spec.task_name}.{key}": value for key, value in spec.task_options.items()}
    return {**plain, **rest, **spec.architecture_options, **options}


def metrics_of(record: Record, now: int) -> list[Metric]:
    values: dict[str, float | None] = {name: getattr(record, name) for name in _NUMBERS}
    values |= {f"parameters.{part}": count for part, count in record.parameters.items()}
    values |= {f"{GRADIENTS}{name}": value for name, value in record.gradients.items()}
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


def tags_of(record: Record) -> dict[str, str]:
    """What is not a number. The learning curve is here too, so that many runs are read without a query for each."""
    texts = {
        names.ASKED: json.dumps(record.spec.asked),
        names.REASON: record.reason[:_TEXT_LENGTH],
        names.NOTES: "\n".join(record.notes)[:_TEXT_LENGTH],
        names.TRACEBACK: record.traceback[-_TEXT_LENGTH:],
        names.OUTPUT: record.output[-_TEXT_LENGTH:],
        names.CHANCE_IS: record.chance_is,
        names.LEARNING_CURVE: json.dumps([_rounded(point) for point in thinned(record.curve)]),
        **{f"{names.ENVIRONMENT}{key}": value for key, value in record.environment.items()},
    }
    return {key: part for tag, text in texts.items() if text for key, part in names.long_text(tag, text).items()}


def _rounded(point: CurvePoint) -> list[float | int | None]:
    """With six digits, so that a hundred points fit into a tag."""
    return [value if value is None or type(value) is int else float(f"{value:.6g}") for value in astuple(point)]


def thinned(curve: list[CurvePoint]) -> list[CurvePoint]:
    """At most a hundred points, evenly spread, the last among them: more do not fit into a tag, nor into a figure."""
    stride = -(-len(curve) // _POINTS) or 1
    return curve[::-1][::stride][::-1]


def record_of(run: Run, curve: bool = False) -> Record:
    """The record of an ended run, with its learning curve (thinned) if asked.

    Raises ValueError, TypeError or KeyError for a record of another version, or one that is damaged or incomplete.
    """
    tags, metrics = run.data.tags, run.data.metrics
    spec = _spec(names.read_long_text(tags, names.SPEC))
    whole = {name: int(metrics[name]) for name in _WHOLE if name in metrics}
    record = Record(
        spec,
        ended=(run.info.end_time or 0) / 1000,
        identity=tags[names.IDENTITY],
        status=_status(tags[names.STATUS]),
        reason=names.read_long_text(tags, names.REASON),
        traceback=names.read_long_text(tags, names.TRACEBACK),
        output=names.read_long_text(tags, names.OUTPUT),
        chance_is=names.read_long_text(tags, names.CHANCE_IS),
        notes=names.read_long_text(tags, names.NOTES).splitlines(),
        scores=_scores(spec, metrics),
        chances=_chances(spec, metrics),
        seconds=metrics.get("seconds", 0.0),
        tokens_per_second=metrics.get("tokens_per_second", 0.0),
        solved_at=metrics.get("solved_at", 1.0),
        parameters={k.removeprefix("parameters."): int(v) for k, v in metrics.items() if k.startswith("parameters.")},
        gradients={k.removeprefix(GRADIENTS): v for k, v in metrics.items() if k.startswith(GRADIENTS)},
        environment=_environment(tuple((k, v) for k, v in sorted(tags.items()) if k.startswith(names.ENVIRONMENT))),
        steps=whole.get("steps", 0),
        steps_to_solve=whole.get("steps_to_solve"),
        steps_per_sequence=whole.get("steps_per_sequence", 0),
        state_size=whole.get("state_size"),
        attempt=whole.get("attempt", 1),
        began=run.info.start_time / 1000,
        curve=_curve(names.read_long_text(tags, names.LEARNING_CURVE)) if curve else [],
    )
    _refuse_incomplete(record)
    return record


def _spec(text: str) -> RunSpec:
    """The spec, whose values have the declared types: what somebody else wrote is not trusted."""
    if not text:
        raise ValueError("its spec is missing")
    spec = RunSpec.from_json(text)
    _checker().validate_json(_SURROGATE.sub(r"\1?", text), strict=True)  # which pydantic refuses in texts
    return spec


@cache
def _checker() -> TypeAdapter[RunSpec]:
    return TypeAdapter(RunSpec)


def _status(text: str) -> Status:
    known: tuple[Status, ...] = get_args(Status)
    for status in known:
        if text == status:
            return status
    raise ValueError(f"its status is {text!r}")


def _curve(text: str) -> list[CurvePoint]:
    return [CurvePoint(*row) for row in _points().validate_json(text)]


@cache
def _points() -> TypeAdapter[list[_Point]]:
    return TypeAdapter(list[_Point])


def _refuse_incomplete(record: Record) -> None:
    missing = set(record.spec.points) - record.scores.keys()
    if record.status == "ok" and record.spec.test_sequences and missing:
        raise ValueError(f"its test accuracy at length {min(missing)} is missing")
    shares = [*record.chances.values(), *(scores.accuracy for scores in record.scores.values())]
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError("an accuracy is not between 0 and 1")


def _scores(spec: RunSpec, metrics: Mapping[str, float]) -> dict[int, Scores]:
    return {
        length: Scores(*(metrics.get(f"{name}{suffix}") for name in SCORES))  # type: ignore[arg-type]
        for length, suffix in _suffixes(spec).items()
        if f"accuracy{suffix}" in metrics
    }


@lru_cache(maxsize=256)
def _environment(tags: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Cached, so that the runs of one machine share a dictionary: thousands of records are held at once."""
    return {key.removeprefix(names.ENVIRONMENT): value for key, value in tags}


def _chances(spec: RunSpec, metrics: Mapping[str, float]) -> dict[int, float]:
    return {n: metrics[f"chance{suffix}"] for n, suffix in _suffixes(spec).items() if f"chance{suffix}" in metrics}


def _suffixes(spec: RunSpec) -> dict[int, str]:
    """By test length, what the names of its metrics end with: nothing at the one length trained at."""
    own = spec.length if spec.length_from is None else None
    return {length: "" if length == own else f"_at_{length}" for length in spec.tested}
