"""The sequence shapes: what each task shows and asks, that the literature's numbers hold, and what options refuse."""

from __future__ import annotations

import pytest
import torch
from harness.tasks.associative_recall import AssociativeRecall
from harness.tasks.fill_gap import FillGap
from harness.tasks.first_token import FirstToken
from harness.tasks.parity import Parity
from harness.tasks.pointwise import Pointwise
from harness.tasks.recite import Recite
from harness.tasks.reverse import Reverse
from harness.tasks.temporal_order import TemporalOrder

from harness import Batch, Task
from harness.testing import TaskContract

WITH_OPTIONS = [
    Pointwise(size=6),
    Recite(symbols=15, alphabet=4),
    FirstToken(classes=8, distractors=2),
    TemporalOrder(symbols=3),
    Reverse(alphabet=2),
    Reverse(order="odds_first"),
    Parity(asked="last"),
    AssociativeRecall(pairs=8, keys=26, values=10),
    FillGap(alphabet=2, context=10),
]


class TestWithOptions(TaskContract):
    @pytest.fixture(params=WITH_OPTIONS, ids=lambda task: type(task).__name__)
    def task(self, request):
        return request.param


def draw(task: Task, length: int, rows: int = 50) -> Batch:
    return task.sample(torch.Generator().manual_seed(0), rows, length)


def test_pointwise_has_one_step_at_length_one():
    batch = draw(Pointwise(), 1)
    assert batch.inputs.shape == (50, 1, 4)
    assert batch.targets.shape == (50, 1)
    assert batch.mask.all()


def test_recite_shows_everything_in_the_first_step():
    batch = draw(Recite(), 25)
    assert batch.inputs.shape == (50, 25, 80)
    assert (batch.inputs[:, 0].unflatten(1, (10, 8)).sum(dim=2) == 1).all()
    assert not batch.inputs[:, 1:].any()
    assert torch.equal(batch.targets[:, :10], batch.targets[:, 10:20])
    assert batch.mask.sum(dim=1).eq(24).all()
    assert batch.loss_mask.all()


def test_first_token_shows_its_symbol_once():
    batch = draw(FirstToken(classes=3, distractors=4), 30)
    assert batch.inputs.shape == (50, 31)
    assert (batch.inputs[:, 0] < 3).all()
    assert set(batch.inputs[:, 1:].unique().tolist()) == {3, 4, 5, 6}


@pytest.mark.parametrize(("symbols", "ranges"), [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])])
def test_temporal_order_at_length_100_is_as_published(symbols, ranges):
    batch = draw(TemporalOrder(symbols=symbols), 100, rows=2000)
    assert batch.inputs.shape == (2000, 110)
    assert set(batch.lengths.tolist()) == set(range(100, 111))
    assert (batch.inputs[:, 0] == 6).all()
    assert (batch.inputs.gather(1, batch.lengths[:, None] - 1) == 7).all()
    shown = (batch.inputs == 4) | (batch.inputs == 5)
    places = shown.nonzero()[:, 1].view(2000, symbols)
    for place, (low, high) in zip(places.unbind(1), ranges, strict=True):
        assert set(place.tolist()) == set(range(low, high + 1))
    assert not batch.inputs[torch.arange(110) >= batch.lengths[:, None]].any()


@pytest.mark.parametrize("symbols", [2, 3])
@pytest.mark.parametrize("length", [10, 11, 19, 27])
def test_temporal_order_never_covers_one_symbol_by_another(symbols, length):
    batch = draw(TemporalOrder(symbols=symbols), length, rows=500)
    for symbol, number in ((4, None), (5, None), (6, 1), (7, 1)):
        if number:
            assert (batch.inputs == symbol).sum(dim=1).eq(number).all()
    assert ((batch.inputs == 4) | (batch.inputs == 5)).sum(dim=1).eq(symbols).all()


def test_reverse_says_the_list_over_blanks():
    batch = draw(Reverse(), 6)
    assert batch.inputs.shape == (50, 12)
    assert torch.equal(batch.targets[:, 6:], batch.inputs[:, :6].flip(1))
    assert torch.equal(batch.mask, batch.inputs == 8)


def test_parity_of_the_last_step_is_the_same_question():
    each, last = draw(Parity(), 9), draw(Parity(asked="last"), 9)
    assert torch.equal(each.inputs, last.inputs)
    assert torch.equal(each.targets[:, -1:], last.targets)
    assert not each.mask[:, 0].any()
    assert each.mask[:, 1:].all()


def test_associative_recall_shows_pairs_of_unlike_keys_among_distractors():
    batch = draw(AssociativeRecall(pairs=5), 7)
    shown = batch.inputs[:, :-2]
    assert shown.shape == (50, 7 + 2 * 5)
    assert (shown >= 16).sum(dim=1).eq(7).all()
    keys = shown[shown < 8].view(50, 5)
    assert (keys.sort(dim=1).values.diff(dim=1) > 0).all()
    after = shown[:, 1:][shown[:, :-1] < 8]
    assert ((after >= 8) & (after < 16)).all()


def test_associative_recall_puts_its_pairs_anywhere_and_asks_for_any():
    task = AssociativeRecall(pairs=2)
    batch = draw(task, 2, rows=6000)
    places = (batch.inputs[:, :-2] < task.keys).nonzero()[:, 1].view(-1, 2)
    counts = torch.bincount(places[:, 0] * 6 + places[:, 1])
    assert counts.count_nonzero() == 6  # of 4 things in a row, 2 are pairs
    assert counts[counts > 0].double().sub(1000).abs().max() < 150
    asked = (batch.inputs.gather(1, places) == batch.inputs[:, -1:]).double().mean(dim=0)
    assert asked.numpy() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("length", "scored"), [(4, [1, 2]), (5, [1, 3]), (9, [1, 2, 3, 5, 6, 7])])
def test_fill_gap_scores_the_inner_blanks_that_have_one_nearer_end(length, scored):
    batch = draw(FillGap(), length)
    assert batch.inputs.shape == (50, length + 10)
    assert (batch.inputs[:, 5 : 5 + length] == 8).all()
    assert (batch.inputs == 8).sum(dim=1).eq(length).all()
    assert all(row.nonzero()[:, 0].tolist() == [5 + step for step in scored] for row in batch.mask)


def test_half_of_a_gap_is_told_by_the_past_and_half_by_the_future():
    """What is known of one end alone is right at (1 + 1 / alphabet) / 2 of the steps: the ceiling of causal models."""
    batch = draw(FillGap(), 30, rows=20_000)
    for side in (4, 35):
        right = (batch.targets == batch.inputs[:, side : side + 1])[batch.mask].double().mean().item()
        assert right == pytest.approx((1 + 1 / 8) / 2, abs=0.005)


@pytest.mark.parametrize(
    ("make", "options", "named"),
    [
        (Pointwise, {"size": 1}, "size=1"),
        (Recite, {"symbols": 0}, "symbols=0"),
        (Recite, {"alphabet": 1}, "alphabet=1"),
        (FirstToken, {"classes": 1}, "classes=1"),
        (FirstToken, {"distractors": 0}, "distractors=0"),
        (TemporalOrder, {"symbols": 4}, r"two symbols \(6a\) or three \(6b\), got symbols=4"),
        (Reverse, {"alphabet": 1}, "alphabet=1"),
        (Reverse, {"order": "sam"}, "'sam'.*Did you mean 'same'"),
        (Parity, {"asked": "lst"}, "'lst'.*Did you mean 'last'"),
        (AssociativeRecall, {"pairs": 9}, "pairs=9, keys=8"),
        (AssociativeRecall, {"values": 1}, "values=1"),
        (FillGap, {"alphabet": 1}, "alphabet=1"),
        (FillGap, {"context": 0}, "context=0"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(make, options, named):
    with pytest.raises(ValueError, match=named):
        make(**options)
