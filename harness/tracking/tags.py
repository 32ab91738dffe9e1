"""The tags of our MLflow runs and experiments, and queries of them. Every tag's name stands here and nowhere else.

Runs are flat: MLflow's charts are empty for runs that are nested under a parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

KIND = "harness.kind"
SWEEP = "harness.sweep"  # name of the sweep that a run belongs to
STUDY = "harness.study"  # digest of the study that a trial, confirmation or search belongs to
TRIAL = "harness.trial"  # number of a trial in its study
LABEL = "harness.label"  # what an architecture and its variant are called
DRIVER = "harness.driver"  # which command writes the run
HEARTBEAT = "harness.heartbeat"  # seconds since 1970 at which the driver was last known to work
CLAIMED = "harness.claimed"  # set when a driver has made sure that no other one has the run
IDENTITY = "harness.identity"
STATUS = "harness.status"  # written last: a run without it is no record
SPEC = "harness.spec"
ASKED = "harness.asked"
REASON = "harness.reason"
TRACEBACK = "harness.traceback"
NOTES = "harness.notes"  # what a plugin changed of its process
OUTPUT = "harness.output"  # what a run printed
LEARNING_CURVE = "harness.learning_curve"
CHANCE_IS = "harness.chance_is"  # what the predictor behind chance does
ENVIRONMENT = "harness.environment."  # prefix
COMMAND = "harness.command"  # of a sweep: the line that was typed
PLAN = "harness.plan"  # of a sweep: its runs
TITLE = "harness.title"  # of a sweep: the name that a person gave it
SEARCH = "harness.search"  # a SearchRecord as JSON
MEASUREMENT = "harness.measurement."  # prefix; a Row of a measurement as JSON
QUESTION = "harness.question"  # name of a question that was put to sweeps: a study of ours, unlike STUDY
QUESTION_DIGEST = "harness.question_digest"
ASKED_TEXT = "harness.question_asked"  # what the digest covers, as JSON
QUESTION_SWEEPS = "harness.question_sweeps"  # names of its sweeps, as JSON
QUESTION_SEEDS = "harness.question_seeds"
RUNS_BEFORE = "harness.runs_before"  # of its runs, finished when the question was recorded
JUDGED = "harness.judged"  # digest of the runs that were judged
FINDINGS = "harness.findings"  # a StudyRecord as JSON
VERDICT = "harness.verdict"
INSPECTED = "harness.inspected"  # identity of the run that an inspection looked into
DIGEST = "harness.digest"  # of the content of a derived run; written last

TASK = "harness.task"  # of an experiment: the label of its task
WRITTEN = "harness.written"  # of an experiment: when it was last written, in ns since 1970

RUN_NAME = "mlflow.runName"
RUN_COLOR = "mlflow.runColor"
SOURCE_NAME = "mlflow.source.name"
SHARED_VIEW = "mlflow.sharedViewState."  # prefix; of an experiment

RUNNING = "attributes.status = 'RUNNING'"
_CHUNK = 7500  # characters: MLflow's tags hold 8000


class Kind(StrEnum):
    """What an MLflow run is (tag `harness.kind`)."""

    RUN = "run"  # one training, with its record
    CURVE = "curve"  # derived: one architecture, variant and seed over lengths
    SUMMARY = "summary"  # derived: one architecture and variant over lengths and seeds
    SWEEP = "sweep"  # what was planned, by which command, and who works on it
    TRIAL = "trial"  # one training of a search
    CONFIRMATION = "confirmation"  # one training of a setting that a search chose, on a fresh seed
    SEARCH = "search"  # derived: the result of a study
    MEASUREMENT = "measurement"  # what `harness bench` measured of one architecture
    QUESTION = "question"  # a study: what was asked before its runs, and what they came to
    INSPECTION = "inspection"  # derived: what `harness inspect` found in one run


def equals(tag: str, value: str) -> str:
    """A query for runs with this value of a tag."""
    return f"tags.`{tag}` = '{_quotable(value)}'"


def differs(tag: str, value: str) -> str:
    """A query for runs with another value of a tag."""
    return f"tags.`{tag}` != '{_quotable(value)}'"


def begins(tag: str, value: str) -> str:
    """A query for runs whose tag begins with a text."""
    return f"tags.`{tag}` LIKE '{_quotable(value)}%'"


def both(*queries: str) -> str:
    return " and ".join(queries)


def long_text(tag: str, text: str) -> dict[str, str]:
    """Tags for a text of any length: one of this name, or numbered ones where one cannot hold it."""
    if len(text) <= _CHUNK:
        return {tag: text}
    return {f"{tag}.{begin // _CHUNK:04}": text[begin : begin + _CHUNK] for begin in range(0, len(text), _CHUNK)}


def read_long_text(tags: Mapping[str, str], tag: str) -> str:
    """The text that `long_text` made tags of; '' where there is none."""
    if tag in tags:
        return tags[tag]
    return "".join(tags[name] for name in sorted(tags) if name.startswith(f"{tag}."))


def _quotable(value: str) -> str:
    if "'" in value:
        raise ValueError(f"MLflow's queries cannot hold this value: {value!r}")
    return value
