"""What a store holds of a study: the results of its sweeps, as far as they have come, and how they were looked at."""

from __future__ import annotations

from harness.report import StudyResults
from harness.studies.history import study_record
from harness.studies.question import Study
from harness.tracking.address import exists, resolve_uri
from harness.tracking.questions import load_questions
from harness.tracking.results import load_results
from harness.tracking.store import Store


def stored_study(study: Study, tracking_uri: str | None) -> StudyResults | None:
    """The study judged on the sweeps with the most seeds that were asked for; None where its question never was."""
    uri = resolve_uri(tracking_uri)
    if not exists(uri):
        return None
    asked = load_questions(Store(uri), study.name)
    mine = [one for one in asked if one.question.digest == study.digest]
    if not mine:
        return None
    widest = max(mine, key=lambda one: (one.question.seeds, one.at))
    results = {name: load_results(sweep, uri) for name, sweep in widest.question.sweeps.items()}
    return StudyResults(study_record(study, results, asked), results)
