"""The stream of batches: which lengths it has, and that it depends on the seed alone."""

from collections import Counter

import torch

from harness.training.build import build_task
from harness.training.data import batches


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
