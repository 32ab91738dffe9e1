"""Kept results: what a study came to, as JSON beside its file. Reading the verdict imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.names import file_name
from harness.studies.question import Study
from harness.study_record import StudyRecord

if TYPE_CHECKING:
    from harness.report import Results

FOLDER = "results"
"""Beside the study files."""
VERSION = 1
"""Of the document, raised when a field changes its meaning or goes."""
_LEFT_OUT = ("curve", "output", "traceback", "notes", "accuracy", "asked", "attempt", "began")
"""Fields of a record that no verdict is made of."""
_ORIGIN = ("device.name", "version.rnn-harness", "version.torch", "git")
_DIGITS = 7  # of a number


def kept_path(study: Study) -> Path:
    """The file for what a study came to."""
    return study.path.parent / FOLDER / f"{file_name(study.name)}.json"


def kept_record(study: Study) -> StudyRecord | None:
    """What a study came to when its results were kept; None where none are."""
    content = _content(study)
    return None if content is None else StudyRecord.from_plain(content["study"])


def kept_results(study: Study) -> dict[str, Results] | None:
    """The kept results of its sweeps, by name; None where none are."""
    from harness.analysis.results_json import from_document

    content = _content(study)
    return None if content is None else {name: from_document(one) for name, one in content["sweeps"].items()}


def keep(study: Study, record: StudyRecord, results: Mapping[str, Results]) -> StudyRecord:
    """Writes the results of each sweep, thinned, and the verdict on them as they are written; one run a line."""
    from harness.analysis.results_json import document, from_document
    from harness.studies.history import judged_again

    sweeps = {name: _thin(document(one)) for name, one in results.items()}
    kept = judged_again(study, record, {name: from_document(one) for name, one in sweeps.items()})
    path = kept_path(study)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_lines(kept, sweeps)) + "\n", encoding="utf-8", newline="")
    return kept


def _lines(record: StudyRecord, sweeps: Mapping[str, Any]) -> Iterator[str]:
    from harness.analysis.results_json import dumps

    yield f'{{"version": {VERSION},'
    yield f'"study": {dumps(record.to_plain())},'
    yield '"sweeps": {'
    for number, (name, one) in enumerate(sweeps.items(), start=1):
        head = dumps({key: value for key, value in one.items() if key != "records"})[:-1]
        yield f'{json.dumps(name)}: {head}, "records": ['
        runs = [dumps(run) for run in one["records"]]
        yield from (f"{run}," for run in runs[:-1])
        yield from runs[-1:]
        yield f"]}}{',' if number < len(sweeps) else ''}"
    yield "}}"


def _content(study: Study) -> dict[str, Any] | None:
    path = kept_path(study)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] > VERSION:
            raise HarnessError(f"{path} is of version {content['version']}: upgrade rnn-harness.")
        StudyRecord.from_plain(content["study"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise HarnessError(f"{path} does not hold the results of a study: {error}.") from None
    return dict(content)


def _thin(document: Mapping[str, Any]) -> dict[str, Any]:
    """Results as `harness report --format json` has them, without what no verdict is made of.

    Settings at the defaults of the version that `environment` names are left out too.
    """
    return {
        "version": document["version"],
        "records": [_thin_record(record) for record in document["records"]],
        "missing": document["missing"],
    }


def _thin_record(record: Mapping[str, Any]) -> dict[str, Any]:
    from harness.record import Record
    from harness.spec import RunSpec

    usual = {field.name: field.default for field in fields(Record)}
    kept = {
        key: value
        for key, value in record.items()
        if key not in _LEFT_OUT and (key not in usual or value != usual[key])
    }
    usual = {field.name: field.default for field in fields(RunSpec)}
    spec = {k: v for k, v in record["spec"].items() if k not in ("code_files", "asked") and v != usual[k]}
    environment = {key: value for key, value in record["environment"].items() if key in _ORIGIN}
    scores, chances = record.get("scores", {}), record.get("chances", {})
    thin = {**kept, "spec": spec, "environment": environment, "scores": scores, "chances": chances}
    return {name: _rounded(value) for name, value in thin.items()}


def _rounded(value: Any) -> Any:
    """The same data with fewer digits."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
