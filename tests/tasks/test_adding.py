"""Adding problem."""

import pytest
import torch
from harness.tasks.adding import Adding

from harness.testing import TaskContract


def draw(variant, length, rows=2000):
    return Adding(variant=variant).sample(torch.Generator().manual_seed(0), rows, length)


def marked_steps(batch):
    """The two steps of each row that are marked 1, shape (rows, 2)."""
    return (batch.inputs[:, :, 1] == 1).nonzero()[:, 1].view(-1, 2)


class TestHalves(TaskContract):
    rows = 10_000

    @pytest.fixture
    def task(self):
        return Adding()


class TestAnywhere(TaskContract):
    rows = 10_000

    @pytest.fixture
    def task(self):
        return Adding(variant="anywhere")


class TestHochreiter(TaskContract):
    rows = 10_000

    @pytest.fixture
    def task(self):
        return Adding(variant="hochreiter")


@pytest.mark.parametrize("variant", ["halves", "anywhere"])
@pytest.mark.parametrize("length", [4, 5, 30])
def test_the_answer_is_the_sum_of_the_marked_numbers(variant, length):
    batch = draw(variant, length)
    numbers, markers = batch.inputs.unbind(dim=2)
    assert batch.inputs.shape == (2000, length, 2)
    assert batch.targets.shape == (2000, 1, 1)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert set(markers.unique().tolist()) == {0, 1}
    assert (markers.sum(dim=1) == 2).all()
    assert torch.allclose((numbers * markers).sum(dim=1), batch.targets[:, 0, 0])


@pytest.mark.parametrize("length", [4, 7, 30])
def test_halves_marks_one_number_in_each_half(length):
    first, second = marked_steps(draw("halves", length)).unbind(dim=1)
    assert (first < length // 2).all()
    assert (second >= length // 2).all()
    assert len(first.unique()) == length // 2
    assert len(second.unique()) == length - length // 2


def test_anywhere_marks_every_pair_of_steps_alike():
    steps = marked_steps(draw("anywhere", 5, rows=20_000))
    counts = torch.bincount(steps[:, 0] * 5 + steps[:, 1])
    assert counts.count_nonzero() == 10
    assert counts[counts > 0].double().sub(2000).abs().max() < 200


def test_hochreiter_marks_as_published():
    batch = draw("hochreiter", 100)
    numbers, markers = batch.inputs.unbind(dim=2)
    assert numbers.shape[1] == 110
    assert set(batch.lengths.tolist()) == set(range(100, 111))
    assert (markers[:, 0] == -1).all()
    assert (markers.gather(1, batch.lengths[:, None] - 1) == -1).all()
    assert (markers == -1).sum(dim=1).eq(2).all()
    marked = markers == 1
    assert set(marked.sum(dim=1).tolist()) == {1, 2}  # 1: the first step was picked, and counts as zero
    assert not marked[:, 50:].any()
    assert marked[:, :10].any(dim=1).sum() > 0.88 * len(marked)  # else the first of all, or none but the second
    assert torch.allclose(0.5 + (numbers * marked).sum(dim=1) / 4, batch.targets[:, 0, 0])


def test_hochreiter_picks_the_first_step_as_often_as_published():
    picked = (draw("hochreiter", 100, rows=40_000).inputs[:, :, 1] == 1).sum(dim=1) == 1
    assert picked.double().mean() == pytest.approx(1 / 10 + 9 / 10 / 49, abs=0.007)


def test_padding_is_zero():
    batch = draw("hochreiter", 100)
    padded = torch.arange(110) >= batch.lengths[:, None]
    assert not batch.inputs[padded].any()
    assert batch.inputs[:, :, 0][~padded].abs().min() > 0


@pytest.mark.parametrize(
    ("variant", "length", "known"),
    [
        ("halves", 20, 1 / 10),
        ("halves", 5, 1 / 3),
        ("anywhere", 20, 2 / 20),
        ("hochreiter", 20, 1 / 10 + 9 / 10 / 9),
        ("hochreiter", 100, 1 / 10 + 9 / 10 / 49),
    ],
)
def test_chance_is_that_of_one_answer_but_for_a_known_number(variant, length, known):
    unknown, even = (0.1536, 0.16) if variant == "hochreiter" else (0.0784, 0.08)
    assert Adding(variant=variant).chance(length) == pytest.approx(unknown * (1 - known) + even * known)


def test_an_unknown_variant_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'half'.*Did you mean 'halves'"):
        Adding(variant="half")
