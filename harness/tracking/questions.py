"""Studies in MLflow: a question is recorded before its first run, and each verdict after it. One MLflow run a command.

So a store tells whether a question was changed after data were there, and how often data were looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from mlflow.entities import Run

from harness.record import Record
from harness.study_record import Look, StudyRecord
from harness.tracking import tags as names
from harness.tracking.mlflow_runs import QUESTIONS
from harness.tracking.store import Store
from harness.tracking.tags import Kind, both, equals


@dataclass(frozen=True)
class Question:
    """What is recorded before the first run of a command."""

    name: str
    digest: str
    asked: str  # what the digest covers
    sweeps: Mapping[str, str]  # name of each sweep in the store, by its name in the study
    seeds: int
    runs_before: int  # of its runs that are finished by now


@dataclass(frozen=True)
class Asked:
    """One time at which a question was asked."""

    question: Question
    at: float  # seconds since 1970
    judged: str  # digest of the runs that were judged; '' where none were
    record: StudyRecord | None  # what they came to


def write_question(store: Store, question: Question, command: str) -> str:
    """Records a question; returns the id of the MLflow run, for `write_verdict`."""
    run_id = store.create(
        store.experiment(QUESTIONS),
        f"study {question.name}",
        {names.KIND: Kind.QUESTION, names.QUESTION: question.name, names.QUESTION_DIGEST: question.digest},
        source="harness study",
    )
    texts = {
        names.ASKED_TEXT: question.asked,
        names.QUESTION_SWEEPS: json.dumps(question.sweeps),
        names.QUESTION_SEEDS: str(question.seeds),
        names.RUNS_BEFORE: str(question.runs_before),
        names.COMMAND: command,
    }
    _write_texts(store, run_id, texts)
    return run_id


def write_verdict(store: Store, run_id: str, record: StudyRecord, judged: str) -> None:
    """Adds to a question what its runs came to, as far as there are any."""
    _write_texts(store, run_id, {names.FINDINGS: record.to_json(), names.VERDICT: record.verdict})
    store.log(run_id, params={"verdict": record.verdict, "seeds": record.seeds, "runs": record.runs})
    store.set_tag(run_id, names.JUDGED, judged)
    store.terminate(run_id)


def load_questions(store: Store, name: str) -> list[Asked]:
    """Every time a question of this name was asked, oldest first; what another version recorded is left out."""
    query = both(equals(names.KIND, Kind.QUESTION), equals(names.QUESTION, name))
    found = [asked for run in store.search(QUESTIONS, query) if (asked := _read(run)) is not None]
    return sorted(found, key=lambda one: one.at)


def looks(asked: Iterable[Asked]) -> list[Look]:
    """The times at which data were judged that had not been judged before, or for another wording of the question."""
    found: dict[tuple[str, str], Look] = {}
    for one in asked:
        if one.judged and one.record:
            look = Look(one.at, one.question.digest, one.record.seeds, one.record.runs, one.record.verdict)
            found.setdefault((one.question.digest, one.judged), look)
    return list(found.values())


def digest_of_runs(records: Iterable[Record]) -> str:
    """Which runs these are; '' for none."""
    identities = sorted(record.identity or record.spec.identity for record in records)
    return hashlib.sha256(json.dumps(identities).encode()).hexdigest()[:16] if identities else ""


def _write_texts(store: Store, run_id: str, texts: Mapping[str, str]) -> None:
    tags = {key: part for tag, text in texts.items() for key, part in names.long_text(tag, text).items()}
    store.log(run_id, tags=tags)


def _read(run: Run) -> Asked | None:
    tags = run.data.tags
    with suppress(ValueError, TypeError, KeyError):
        question = Question(
            tags[names.QUESTION],
            tags[names.QUESTION_DIGEST],
            names.read_long_text(tags, names.ASKED_TEXT),
            json.loads(names.read_long_text(tags, names.QUESTION_SWEEPS)),
            int(tags[names.QUESTION_SEEDS]),
            int(tags[names.RUNS_BEFORE]),
        )
        text = names.read_long_text(tags, names.FINDINGS)
        record = StudyRecord.from_json(text) if text else None
        return Asked(question, run.info.start_time / 1000, tags.get(names.JUDGED, ""), record)
    return None
