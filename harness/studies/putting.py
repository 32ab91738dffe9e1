"""A question is put to its sweeps: recorded before the first run, and answered by what the store holds then."""

from __future__ import annotations

from collections.abc import Iterable

from harness.record import Record
from harness.report import Results
from harness.spec import Planned, RunSpec
from harness.studies.planning import PlannedStudy
from harness.sweeps.execute import Reuse, load_finished_runs, name_of_sweep
from harness.tracking.address import exists, resolve_uri
from harness.tracking.questions import Question, write_question
from harness.tracking.store import Store


def put(store: Store, planned: PlannedStudy, command: str) -> str:
    """Records the question before its runs; returns the id of the MLflow run, to which the verdict is added."""
    runs = planned.every_run
    question = Question(
        name=planned.study.name,
        digest=planned.study.digest,
        asked=planned.study.asked,
        sweeps={name: name_of_sweep(members) for name, members in planned.runs.items()},
        seeds=planned.seeds,
        runs_before=len(load_finished_runs(store, runs, "any").done),
    )
    return write_question(store, question, command)


def finished(planned: PlannedStudy, tracking_uri: str | None, reuse: Reuse = "fresh") -> set[str]:
    """Identities of the planned runs that a store holds as finished; none where there is no store yet."""
    uri = resolve_uri(tracking_uri)
    return set(load_finished_runs(Store(uri), planned.every_run, reuse).done) if exists(uri) else set()


def finished_results(store: Store, runs: list[RunSpec], reuse: Reuse) -> Results:
    """What a store holds of a planned sweep that has not been run by this command."""
    found = load_finished_runs(store, {spec.identity: spec for spec in runs}, reuse)
    return results_of(runs, [one.record for one in found.done.values()])


def results_of(runs: Iterable[RunSpec], records: Iterable[Record]) -> Results:
    """Records of a planned sweep, and which of its runs are missing."""
    ended = [record for record in records if record.status != "interrupted"]
    there = {_where(record.spec) for record in ended}
    return Results(ended, missing=[Planned.of(spec) for spec in runs if _where(spec) not in there])


def _where(spec: RunSpec) -> tuple[str, str, int | None, int, int]:
    """Where a run stands in its sweep: with --reuse any its identity may be an older one."""
    return spec.task_label, spec.label, spec.length_from, spec.length, spec.seed
