"""torch's, Python's and numpy's global generators: seeded together, and as they were afterwards."""

import random

import numpy
import pytest
import torch

from harness.process.rng import preserve_rng, seed_all


def draw():
    return torch.rand(1).item(), random.random(), numpy.random.rand()


def fails(numbers):
    raise RuntimeError(numbers)


def test_one_seed_seeds_them_all():
    with preserve_rng():
        seed_all(2**62)
        first = draw()
        seed_all(2**62)
        assert draw() == first
        seed_all(2**62 + 1)
        assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_they_are_put_back_after_an_error_too():
    seed_all(1)
    expected = draw()
    seed_all(1)
    with pytest.raises(RuntimeError), preserve_rng():
        fails(draw())
    assert draw() == expected
