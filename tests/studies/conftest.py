"""Studies as files, and records as their sweeps would leave them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.record import Record, Scores
from harness.report import Results
from harness.spec import Planned, RunSpec
from harness.studies.question import Study
from harness.studies.reading import read_study

HEAD = """
question = "Does an LSTM remember longer than an RNN?"
kind = "claim"
source = "every textbook"
printed_is = "mean over 10 seeds"
"""
SWEEP = """
[sweep]
arch = ["rnn", "lstm"]
task = "copy"
length = [5, 10]
seeds = 6
"""


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Study]:
    """Reads a study made of expectations in TOML: `study('more = "lstm"\\nthan = "rnn"\\nin = "score"')`."""

    def make(*expectations: str, head: str = HEAD, sweep: str = SWEEP) -> Study:
        path = tmp_path / "my_study.toml"
        path.write_text(head + sweep + "".join(f"\n[[expect]]\n{one}\n" for one in expectations))
        return read_study(path)

    return make


def run(label: str, seed: int, accuracy: float, length: int = 10, **changes: object) -> Record:
    """One finished run on copy, with chance 0."""
    spec = RunSpec(label, "copy", length, seed, label=label, task_label="copy", steps=1000)
    record = Record(spec, "ok", solved_at=0.9, chances={length: 0.0}, steps=1000, seconds=10.0, tokens_per_second=100.0)
    record.scores[length] = Scores(accuracy, 1 - accuracy, accuracy, 1 - accuracy)
    record.steps_to_solve = 500 if accuracy >= 0.9 else None
    return replace(record, **changes)


def results(**by_label: list[float]) -> dict[str, Results]:
    """The results of one sweep: accuracies by seed of each architecture, at length 10."""
    records = [run(label, seed, value) for label, values in by_label.items() for seed, value in enumerate(values)]
    return {"": Results(records)}


def without(found: dict[str, Results], records: int) -> dict[str, Results]:
    """The same with the last runs missing."""
    one = found[""]
    missing = [Planned.of(record.spec) for record in one.records[-records:]]
    return {"": Results(one.records[:-records], missing)}
