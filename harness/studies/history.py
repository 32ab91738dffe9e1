"""From the results of a study to its record: verdicts, what they cost, and how they came about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.analysis import provenance
from harness.record import FAILED, Record
from harness.report import Results
from harness.studies.judging import judge, verdict_of
from harness.studies.question import Study
from harness.study_record import StudyRecord
from harness.tracking.questions import Asked, looks


def study_record(study: Study, results: Mapping[str, Results], asked: Iterable[Asked] = ()) -> StudyRecord:
    """The study judged on these results (by name of the sweep); `asked`: every time its question was recorded."""
    findings = judge(study, results)
    records = every_record(results)
    ended = [record for record in records if record.status != "interrupted"]
    history = list(asked)
    mine = [one for one in history if one.question.digest == study.digest]
    return StudyRecord(
        name=study.name,
        question=study.question,
        kind=study.kind,
        source=study.source,
        digest=study.digest,
        verdict=verdict_of(findings),
        findings=findings,
        printed_is=study.printed_is,
        deviations=study.deviations,
        seeds=min(len({record.spec.seed for record in one.records}) for one in results.values()),
        runs=len(ended),
        missing=sum(len(one.missing) for one in results.values()),
        failed=sum(record.status in FAILED for record in ended),
        cpu_seconds=sum(record.seconds for record in ended),
        command=f"harness study run {study.called}",
        measured=provenance.line(ended),
        written=mine[0].at if mine else 0.0,
        runs_before=mine[0].question.runs_before if mine else 0,
        looks=tuple(looks(history)),
    )


def every_record(results: Mapping[str, Results]) -> list[Record]:
    """The records of all sweeps; a run that two of them share is there once."""
    found = {r.identity or r.spec.identity: r for one in results.values() for r in one.records}
    return list(found.values())


def judged_again(study: Study, record: StudyRecord, results: Mapping[str, Results]) -> StudyRecord:
    """The same study with its expectations judged on these results, as where they are read back from a file."""
    findings = judge(study, results)
    return replace(record, findings=findings, verdict=verdict_of(findings))
