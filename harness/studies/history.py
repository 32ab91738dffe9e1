"""From the results of a study to its record: verdicts, what they cost, and how they came about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

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


def told(record: StudyRecord) -> list[str]:
    """How the verdict came about, in sentences: when the question was recorded, whether it was changed, looks."""
    sentences = []
    if record.written:
        late = f"when {record.runs_before} of its runs were finished"
        before = late if record.runs_before else "before its first run"
        sentences.append(f"The question was recorded on {_date(record.written)}, {before}.")
    else:
        sentences.append("The question was not recorded before its runs.")
    others = [look for look in record.looks if look.digest != record.digest]
    if others:
        wordings = len({look.digest for look in others})
        sentences.append(
            f"It was changed after data were there: {wordings} other wording{'s' * (wordings > 1)} judged before, "
            f"the last on {_date(max(look.at for look in others))} ({others[-1].verdict})."
        )
    mine = [look for look in record.looks if look.digest == record.digest]
    if len(mine) > 1:
        seeds = ", ".join(str(look.seeds) for look in mine)
        sentences.append(
            f"The data were looked at {len(mine)} times, with {seeds} seeds; the p-values are not corrected for that."
        )
    return sentences


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
