"""A study carried out: its question is recorded before its runs, its sweeps are run, and its verdict is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from harness.record import Record
from harness.report import Results, StudyResults
from harness.spec import Planned, RunSpec, SweepSpec
from harness.studies.gradients import with_gradients
from harness.studies.history import every_record, study_record
from harness.studies.planning import PlannedStudy
from harness.sweeps.execute import Outcome, Reuse, load_finished_runs, name_of_sweep
from harness.tracking.address import exists, resolve_uri
from harness.tracking.questions import Question, digest_of_runs, load_questions, write_question, write_verdict
from harness.tracking.store import Store

RunSweep = Callable[[SweepSpec, str], Outcome]
"""Runs what is missing of a sweep under a title."""


class StudyOutcome(NamedTuple):
    """What a study came to, as far as its sweeps were run."""

    results: StudyResults
    interrupted: bool


def run_study(planned: PlannedStudy, store: Store, command: str, reuse: Reuse, run_sweep: RunSweep) -> StudyOutcome:
    """Runs the sweeps one after another, and judges what there is then. `command`: the line or call that asks for it.

    After an interruption the rest is judged by what the store holds.
    """
    run_id = _write_question(store, planned, command)
    interrupted = False
    results: dict[str, Results] = {}
    for name, sweep in planned.sweeps.items():
        if interrupted:
            results[name] = _stored_results(store, planned.runs[name], reuse)
            continue
        outcome = run_sweep(sweep, f"{planned.study.name} {name}".strip())
        interrupted = outcome.interrupted
        records = with_gradients(store, planned.study, name, outcome.records)
        results[name] = _results_of(planned.runs[name], records)
    record = study_record(planned.study, results)
    judged = "" if record.missing else digest_of_runs(every_record(results))  # what is not decided is no look
    write_verdict(store, run_id, record, judged)
    record = study_record(planned.study, results, load_questions(store, planned.study.name))
    return StudyOutcome(StudyResults(record, results), interrupted)


def finished(planned: PlannedStudy, tracking_uri: str | None, reuse: Reuse = "fresh") -> set[str]:
    """Identities of the planned runs that a store holds as finished; none where there is no store yet."""
    uri = resolve_uri(tracking_uri)
    return set(load_finished_runs(Store(uri), planned.every_run, reuse).done) if exists(uri) else set()


def _write_question(store: Store, planned: PlannedStudy, command: str) -> str:
    """Records the question before its runs; returns the id of the MLflow run, to which the verdict is added."""
    question = Question(
        name=planned.study.name,
        digest=planned.study.digest,
        asked=planned.study.asked,
        sweeps={name: name_of_sweep(members) for name, members in planned.runs.items()},
        seeds=planned.seeds,
        runs_before=len(load_finished_runs(store, planned.every_run, "any").done),
    )
    return write_question(store, question, command)


def _stored_results(store: Store, runs: list[RunSpec], reuse: Reuse) -> Results:
    """What a store holds of a planned sweep that has not been run by this command."""
    found = load_finished_runs(store, {spec.identity: spec for spec in runs}, reuse)
    return _results_of(runs, [one.record for one in found.done.values()])


def _results_of(runs: Iterable[RunSpec], records: Iterable[Record]) -> Results:
    """Records of a planned sweep, and which of its runs are missing."""
    ended = [record for record in records if record.status != "interrupted"]
    there = {_where(record.spec) for record in ended}
    return Results(ended, missing=[Planned.of(spec) for spec in runs if _where(spec) not in there])


def _where(spec: RunSpec) -> tuple[str, str, int | None, int, int]:
    """Where a run stands in its sweep: with --reuse any its identity may be an older one."""
    return spec.task_label, spec.label, spec.length_from, spec.length, spec.seed
