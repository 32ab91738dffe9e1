"""Kept results: what studies came to, as files beside them. Reading the verdicts imports nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path

from harness.errors import HarnessError
from harness.studies.question import Study
from harness.study_record import StudyRecord

FOLDER = "results"
"""Beside the study files."""


def kept_path(study: Study) -> Path:
    """The file for what a study came to, as JSON."""
    return study.path.parent / FOLDER / f"{study.name}.json"


def kept_record(study: Study) -> StudyRecord | None:
    """What a study came to when its results were kept; None where none are."""
    path = kept_path(study)
    try:
        return StudyRecord.from_plain(json.loads(path.read_text(encoding="utf-8"))["study"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise HarnessError(f"{path} does not hold the results of a study: {error}.") from None
