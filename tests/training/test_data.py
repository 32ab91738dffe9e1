"""The stream of batches: which lengths it has, and that it depends on the seed alone."""

from collections import Counter
from dataclasses import replace

import torch

from harness.training.build import build_task
from harness.training.data import TrainingSet, batches


def lengths(seed=0, split="train", span=range(3, 41), number=400):
    """The lengths of the batches: parity has one time step more than bits at most."""
    task = build_task("parity", {})
    return [batch.inputs.shape[1] for batch in batches(task, seed, split, span, [2] * number)]


def test_a_range_of_lengths_is_drawn_uniformly_and_whole():
    found = Counter(lengths(number=3800))
    assert len(found) == 38
    assert max(found) - min(found) == 37
    assert all(60 < count < 145 for count in found.values())  # of 100 each


def test_the_seed_and_the_split_decide_the_lengths():
    assert lengths() == lengths()
    assert lengths(seed=1) != lengths()
    assert lengths(split="validation") != lengths()


def test_each_batch_has_one_length_and_the_seed_decides_its_sequences():
    task = build_task("copy", {})
    once, again = (list(batches(task, 3, "train", range(3, 9), [4] * 5)) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        assert one.lengths is None
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)


def test_a_range_of_one_length_is_that_length():
    task = build_task("copy", {})
    one, other = (next(batches(task, 0, "train", length, [4])) for length in (7, range(7, 8)))
    assert torch.equal(one.inputs, other.inputs)


def training_set(small, **changes):
    spec = small(**{"train_sequences": 10, "batch_size": 4, **changes})
    return spec, TrainingSet(build_task(spec.task, spec.task_options), spec)


def sequences(batch):
    return [tuple(row) for row in batch.inputs.tolist()]


def test_a_fixed_set_has_so_many_sequences_and_reshuffles_them_each_epoch(small):
    _, fixed = training_set(small)
    epochs = fixed.epochs()
    first, second, third = ([sequences(next(epochs)) for _ in range(2)] for _ in range(3))
    assert first != second != third
    assert {len(batch) for batch in first + second + third} == {4}
    seen = {row for _ in range(20) for row in sequences(next(epochs))}
    assert len(seen) == 10
    assert seen == {row for batch in fixed.first(10) for row in sequences(batch)}
    for epoch in (first, second, third):
        assert len({row for batch in epoch for row in batch}) == 8  # no sequence comes twice in an epoch


def test_the_data_seed_decides_a_fixed_set_and_the_architecture_does_not(small):
    (_, one), (_, other) = training_set(small), training_set(small, architecture="gru", hidden_size=4)
    assert [sequences(b) for b in one.first(10)] == [sequences(b) for b in other.first(10)]
    (_, elsewhere) = training_set(small, seed=1)
    assert [sequences(b) for b in one.first(10)] != [sequences(b) for b in elsewhere.first(10)]


def test_a_set_smaller_than_a_batch_is_one_batch(small):
    _, fixed = training_set(small, train_sequences=3)
    assert len(next(fixed.epochs()).inputs) == 3


def test_a_fixed_set_of_a_range_has_batches_of_its_lengths(small):
    _, fixed = training_set(small, task="parity", length=20, length_from=3, train_sequences=400)
    epochs = fixed.epochs()
    widths = {next(epochs).inputs.shape[1] for _ in range(100)}
    assert len(widths) > 10
    assert {batch.inputs.shape[1] for batch in fixed.first(400)} == widths


def test_a_few_sequences_are_learned_by_heart_and_the_curve_says_so(small):
    from harness.run import run

    spec = small(architecture="gru", length=2, train_sequences=8, batch_size=8, task_options={"symbols": 4})
    spec = replace(spec, steps=300, hidden_size=64, lr=0.01, validate_every=100)
    last = run(spec, torch.device("cpu")).curve[-1]  # of five seeds: 100 % in training, 9 to 34 % in validation
    assert last.train_accuracy > last.validation_accuracy + 0.4
    assert run(small(), torch.device("cpu")).curve[-1].train_accuracy is None
