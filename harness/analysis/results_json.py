"""Results as one JSON document, and read back: what is kept beside a release, or compared with in CI."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from harness.bench_record import Row
from harness.errors import HarnessError
from harness.record import CurvePoint, Record, Scores, as_json
from harness.report import Results
from harness.search_record import SearchRecord
from harness.spec import Planned, RunSpec

VERSION = 2
"""Of the document, raised when a field changes its meaning or goes. 0: the bare list of `harness run --json`."""

_LARGEST = 1_000_000_000  # bytes of a document; ten thousand runs take less than a tenth of it
_TOLD = ("title", "command", "report_command", "store", "references", "bibtex")
_BY_LENGTH = ("scores", "chances")


def document(results: Results) -> dict[str, Any]:
    """The results as plain data."""
    return {
        "version": VERSION,
        **{name: getattr(results, name) for name in _TOLD},
        "references": dict(results.references),
        "records": [_plain(record) for record in results.records],
        "missing": [asdict(run) for run in results.missing],
        "outdated": {identity: list(names) for identity, names in results.outdated.items()},
        "searches": [asdict(one) for one in results.searches],
        "speeds": [_known(asdict(one)) for one in results.speeds],
        "inspections": [asdict(one) for one in results.inspections],
    }


def dumps(content: Mapping[str, Any]) -> str:
    """JSON; numbers that it has no word for (NaN, infinity) are null."""
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(content), ensure_ascii=False, allow_nan=False)


def read(path: Path) -> Results:
    """The results in a file; HarnessError where it cannot be read, is no such document, or is of a newer version."""
    try:
        if path.stat().st_size > _LARGEST:
            raise HarnessError(f"{path} is larger than {_LARGEST:,} bytes: it is no report of a sweep.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise HarnessError(f"{path} is nested too deeply; make it with: harness report --format json") from None
    except ValueError as error:
        raise HarnessError(f"{path} is not JSON ({error}); make it with: harness report --format json") from None
    if isinstance(content, list):
        content = {"version": 0, "records": content}
    version = content.get("version") if isinstance(content, dict) else None
    if not isinstance(version, int) or "records" not in content:
        raise HarnessError(f"{path} holds no results; make it with: harness report --format json")
    if version > VERSION:
        raise HarnessError(
            f"{path} is of version {version}, and this harness reads versions up to {VERSION}: upgrade rnn-harness."
        )
    try:
        results = from_document(content)
        _refuse_wrong_values(results.records)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:300]
        raise HarnessError(f"{path} does not hold what version {version} says it does: {reason}") from None
    return results


def _refuse_wrong_values(records: Sequence[Record]) -> None:
    """Raises ValueError for a value of another type than its field's, or a share that is not between 0 and 1.

    Learning curves are left out: no comparison uses them, and there may be a million points.
    """
    from pydantic import TypeAdapter

    checker = TypeAdapter(Record)
    for record in records:
        plain = asdict(replace(record, curve=[]))
        del plain["weights"]
        checker.validate_json(json.dumps(plain), strict=True)
        shares = [*record.chances.values(), *(scores.accuracy for scores in record.scores.values())]
        if any(share < 0 or share > 1 for share in shares):
            raise ValueError(f"run {record.identity}: an accuracy or chance is not between 0 and 1")


def _finite(value: Any) -> Any:
    """The same data with None where a number is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def _plain(record: Record) -> dict[str, Any]:
    """As `as_json`, which copies a learning curve number by number: too slow for ten thousand."""
    return {**as_json(replace(record, curve=[])), "curve": [vars(point) for point in record.curve]}


def from_document(content: Mapping[str, Any]) -> Results:
    """Results from plain data; a TypeError, KeyError or ValueError where it is no such document."""
    told = {name: content[name] for name in _TOLD if name in content}
    return Results(
        records=[_record(one) for one in content["records"]],
        missing=[Planned(**one) for one in content.get("missing", ())],
        outdated={identity: tuple(names) for identity, names in content.get("outdated", {}).items()},
        searches=tuple(SearchRecord.from_plain(one) for one in content.get("searches", ())),
        speeds=tuple(_speed(one) for one in content.get("speeds", ())),
        **told,
    )


def _record(content: Mapping[str, Any]) -> Record:
    known = {field.name for field in fields(Record)} - {"spec", "curve", *_BY_LENGTH}
    record = Record(_spec(content["spec"]), **{name: value for name, value in content.items() if name in known})
    scores = {int(n): _scores(one) for n, one in content["scores"].items()}
    chances = {int(n): _number(chance) for n, chance in content["chances"].items()}
    points = content.get("curve", ())
    exact = ("step", "train_accuracy")  # whole, or None
    curve = [CurvePoint(**{**_numbers(point), **{k: point[k] for k in exact if k in point}}) for point in points]
    return replace(record, scores=scores, chances=chances, curve=curve)


def _scores(content: Mapping[str, float | None]) -> Scores:
    """What a task does not have is None; a number that is none was not finite."""
    optional = {field.name for field in fields(Scores) if field.default is None}
    return Scores(**{name: value if name in optional else _number(value) for name, value in content.items()})  # type: ignore[arg-type]


def _spec(content: Mapping[str, Any]) -> RunSpec:
    """Settings that the document does not name, an older version having had none such, are at their defaults."""
    return RunSpec(**{**content, "test_lengths": tuple(content.get("test_lengths", ()))})


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `harness bench` with None for what is not known, NaN among it."""
    return {name: None if value != value else value for name, value in row.items()}


def _speed(content: Mapping[str, Any]) -> Row:
    """What is not known is as a row has it without a measurement."""
    names = {field.name for field in fields(Row)}
    return Row(**{name: value for name, value in content.items() if name in names and value is not None})


def _numbers(content: Mapping[str, float | None]) -> dict[str, float]:
    return {name: _number(value) for name, value in content.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else value
