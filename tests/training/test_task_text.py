"""What a report says of a task: its sentence, and a sequence with its answer."""

from __future__ import annotations

from harness.record import Record
from harness.training.task_text import task_texts


def test_a_built_in_task_has_a_sentence_and_an_example(small):
    found = task_texts([Record(small()), Record(small(task="adding", task_label="adding v"))])
    assert set(found) == {"copy", "adding v"}
    assert found["copy"].about
    assert found["copy"].example.startswith("input")
    assert "\nanswer" in found["copy"].example


def test_third_party_code_is_not_run_for_it(small, folder):
    (folder / "mine.py").write_text("raise SystemExit\n")
    assert task_texts([Record(small(task="./mine.py"))]) == {}
    assert task_texts([Record(small(task="gone"))]) == {}
