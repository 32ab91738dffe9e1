"""What the data say of each expectation of a study, and of the study.

Each expectation has a test for it and a test against it, both one-sided. Either family is corrected over the study's
expectations (Holm 1979), so that the chance of one false 'confirmed' in a study stays 5 %, and so for 'refuted'.
While runs are missing nothing is decided: to look, and to go on where it does not please, would raise that chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.analysis import stats
from harness.analysis.stats import ALPHA
from harness.analysis.verdict import format_p
from harness.analysis.wording import runs_are
from harness.report import Results
from harness.studies.evidence import Evidence, evidence_on
from harness.studies.metrics import METRICS
from harness.studies.question import Expectation, Study, Value
from harness.studies.sentences import claimed, sentence
from harness.study_record import Finding, StudyVerdict, Verdict

NO_NUMBER = "no number of seeds that anybody would run is likely to decide it"


def judge(study: Study, results: Mapping[str, Results]) -> tuple[Finding, ...]:
    """A finding for each expectation, in their order; `results`: by name of the sweep."""
    found = [evidence_on(one, results) for one in study.expectations]
    for_it, against = (stats.holm(list(ps)) for ps in zip(*((one.for_it, one.against) for one in found), strict=True))
    return tuple(
        _finding(one, results, made, corrected, len(found))
        for one, made, corrected in zip(study.expectations, found, zip(for_it, against, strict=True), strict=True)
    )


def verdict_of(findings: Sequence[Finding]) -> StudyVerdict:
    """Reproduced: all are confirmed. Not reproduced: none is, and one is refuted. Undecided: nothing is decided."""
    verdicts = {finding.verdict for finding in findings}
    if verdicts == {"confirmed"}:
        return "reproduced"
    if "confirmed" in verdicts:
        return "partly"
    return "not reproduced" if "refuted" in verdicts else "undecided"


def _finding(
    expected: Expectation, results: Mapping[str, Results], made: Evidence, corrected: tuple[float, float], tests: int
) -> Finding:
    """`corrected`: p for and against it, after Holm's correction."""
    used = [results[name] for name in dict.fromkeys(where.sweep for _, where in expected.sides)]
    missing = sum(len(one.missing) for one in used)
    verdict: Verdict = "undecided"
    if not missing and min(corrected) <= ALPHA:
        verdict = "confirmed" if corrected[0] <= ALPHA else "refuted"
    p, needed = corrected[verdict == "refuted"], None
    if missing:
        planned = missing + sum(record.status != "interrupted" for one in used for record in one.records)
        reason = f"{runs_are(missing, planned)} missing"
    elif verdict == "undecided":
        needed = made.needed(tests)
        reason = _why_undecided(made, corrected, tests, needed)
    else:
        reason = _evidence(p, made.seeds, tests)
    task = expected.task or next((record.spec.task_label for record in results[expected.sweep].records), "the task")
    said = sentence(expected, task)
    metric = METRICS[expected.metric]
    bounds = (expected.low, expected.high) if isinstance(expected, Value) else (None, None)
    return Finding(
        said,
        claimed(expected),
        made.measured,
        verdict,
        reason,
        made.seeds,
        metric.noun,
        metric.form,
        made.sides,
        bounds,
        p=None if missing else p,
        needed=needed,
    )


def _evidence(p: float, seeds: int, tests: int, way: str = "") -> str:
    corrected = f", corrected for {tests} expectations" if tests > 1 else ""
    return f"{format_p(p)}{way}{corrected}; {_seeds(seeds)}"


def _why_undecided(made: Evidence, corrected: tuple[float, float], tests: int, needed: int | None) -> str:
    fewest = made.fewest(tests)
    if not made.seeds:
        return "no seed has a value"
    if made.note:
        return made.note
    if made.seeds < fewest:
        many = f" over {tests} expectations" if tests > 1 else ""
        few = f"{_seeds(made.seeds)} cannot confirm anything{many}; {fewest} can"
        return few if needed is None or needed <= fewest else f"{few}, and about {needed} would decide"
    for_it, against = corrected
    way = " against it" if against < for_it else ""
    evidence = _evidence(min(corrected), made.seeds, tests, way)
    return f"{evidence}; {f'about {needed} seeds would decide' if needed else NO_NUMBER}"


def _seeds(count: int) -> str:
    return f"{count} seed{'s' * (count != 1)}"
