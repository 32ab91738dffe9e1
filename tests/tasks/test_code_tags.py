"""Tags of source code: what each character is, where the pieces come from, and that the future helps."""

import pytest
import torch
from harness.tasks.code_tags import CodeTags, tags_of

from harness.analysis.aggregation import summarise
from harness.report import Results
from harness.run import run
from harness.spec import RunSpec

NAMES = CodeTags.target_symbols


def classes(text):
    """The first letter of the class of each character."""
    return "".join(NAMES[tag][0] for tag in tags_of(text).tolist())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("if x: # no\n", "kkbnobccccb"),
        ("a = 'if\\''\n", "nbobssssssb"),
        ('f"{x}"\n', "ssssssb"),
        ('"""two\nlines"""\n', "s" * 15 + "b"),
        ("x\f = 1.5e3\n", "nbbobnnnnnb"),
    ],
)
def test_each_character_has_the_class_of_its_token(text, said):
    assert classes(text) == said


def test_no_piece_is_in_two_splits_and_none_is_lost_to_training():
    task = CodeTags()
    rows = {}
    for split in ("train", "validation", "test"):
        batch = task.take(split, 50, torch.arange(task.count(split, 50)))
        rows[split] = {bytes(row.tolist()) for row in batch.inputs}
        assert task.count(split, 50) > 2000
    assert not rows["train"] & rows["test"]
    assert not rows["train"] & rows["validation"]
    assert not rows["validation"] & rows["test"]


@pytest.mark.slow
def test_reading_both_ways_is_ahead_of_reading_forwards():
    """Here 84.2 % and 95.7 % with seed 0, where chance is 57.8 %."""
    records = []
    for architecture in ("lstm", "bidirectional:lstm"):
        for seed in range(6):
            spec = RunSpec(architecture, "code_tags", 100, seed=seed, steps=400, validate_every=200)
            records.append(run(_labelled(spec), torch.device("cpu")))
    (task,) = summarise(Results(records)).tasks
    (pair,) = task.pairs
    assert pair.told_apart
    assert pair.winner_first == ("bidirectional:lstm", "lstm")


def _labelled(spec):
    from dataclasses import replace

    return replace(spec, label=spec.architecture, task_label=spec.task)
