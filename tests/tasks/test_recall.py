"""mqar and induction: slots, gaps and refusals are as published, and memories hold what was shown."""

from __future__ import annotations

import pytest
import torch
from harness.tasks.induction import Induction
from harness.tasks.mqar import MQAR

from harness import Batch, Task
from harness.testing import TaskContract


class TestWithOptions(TaskContract):
    @pytest.fixture(
        params=[MQAR(pairs=2, gap=1.0, alphabet=256), MQAR(pairs=8, alphabet=16), Induction(alphabet=3)],
        ids=["far pairs", "many pairs", "two symbols"],
    )
    def task(self, request):
        return request.param


def draw(task: Task, length: int, rows: int = 50) -> Batch:
    return task.sample(torch.Generator().manual_seed(0), rows, length)


@pytest.mark.parametrize(("pairs", "length"), [(1, 4), (4, 16), (4, 64), (3, 15)])
def test_mqar_shows_pairs_and_asks_for_each_key_once(pairs, length):
    task = MQAR(pairs=pairs)
    batch = draw(task, length)
    keys, values = batch.inputs[:, 0 : 2 * pairs : 2], batch.inputs[:, 1 : 2 * pairs : 2]
    assert batch.inputs.shape == (50, length)
    assert ((values >= 32) & (values < 64)).all()
    asked = batch.inputs[batch.mask].view(50, pairs)
    assert torch.equal(asked.sort(dim=1).values, keys.sort(dim=1).values)
    assert (keys.sort(dim=1).values.diff(dim=1) > 0).all()
    assert (values.sort(dim=1).values.diff(dim=1) > 0).all()
    rest = batch.inputs[:, 2 * pairs :]
    assert (rest[~batch.mask[:, 2 * pairs :]] == 64).all()
    places = batch.mask.nonzero()[:, 1]
    assert (places % 2 == 0).all()
    assert (places >= 2 * pairs).all()


@pytest.mark.parametrize("gap", [0.01, 0.5, 1.0])
def test_the_slots_of_mqar_follow_the_power_law(gap):
    """With one pair, slot i has the probability i ^ (gap - 1) / sum."""
    task = MQAR(pairs=1, gap=gap)
    slots = 20
    found = draw(task, 2 + 2 * slots, rows=40_000).mask.nonzero()[:, 1]
    shares = torch.bincount((found - 2) // 2, minlength=slots).double() / 40_000
    weights = torch.arange(1, slots + 1, dtype=torch.float64) ** (gap - 1)
    assert shares.numpy() == pytest.approx((weights / weights.sum()).numpy(), abs=0.01)


def test_the_slots_of_several_pairs_are_draws_without_replacement():
    """The first pair's slot is drawn by the weights alone, the second one's by the weights that are left."""
    task = MQAR(pairs=2, gap=0.01)
    slots = task._slots(torch.Generator().manual_seed(0), 60_000, 4 + 2 * 3)
    weight = torch.arange(1, 4, dtype=torch.float64) ** -0.99
    weight = weight / weight.sum()
    for first in range(3):
        for second in range(3):
            share = ((slots[:, 0] == first) & (slots[:, 1] == second)).double().mean()
            expected = 0 if first == second else weight[first] * weight[second] / (1 - weight[first])
            assert float(share) == pytest.approx(float(expected), abs=0.01)


def test_mqar_holds_each_value_until_it_is_asked_for():
    task = MQAR(pairs=3, alphabet=8)
    batch = draw(task, 20)
    held, found = task.remembered(batch), task.features(batch)
    for row, string in enumerate(batch.inputs.tolist()):
        known: dict[int, int] = {}
        for step, symbol in enumerate(string):
            if step < 6 and step % 2:
                known[string[step - 1]] = symbol - 4
            assert held[row, step].tolist() == [known.get(key, -1) for key in range(4)]
            if step >= 6 and symbol < 4:
                assert known.pop(symbol) == batch.targets[row, step]
            assert found["pairs shown"][row, step] == min(3, (step + 1) // 2)
        assert not known
    assert (found["questions to come"][:, -1] == 0).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pairs": 0}, "1 <= pairs <= 32, got pairs=0"),
        ({"pairs": 40}, "1 <= pairs <= 32, got pairs=40"),
        ({"alphabet": 7}, "even and >= 4, got alphabet=7"),
        ({"gap": 0.0}, "0 < gap <= 1, got gap=0.0"),
        ({"gap": 1.5}, "got gap=1.5"),
    ],
)
def test_a_wrong_option_of_mqar_is_refused(options, named):
    with pytest.raises(ValueError, match=named):
        MQAR(**options)


def test_pairs_that_do_not_fit_the_length_are_refused():
    with pytest.raises(ValueError, match=r"16 pairs need a length of at least 64 \(4 each\), got 63"):
        MQAR(pairs=16).refuse_length(63)
    MQAR(pairs=16).refuse_length(64)


def test_induction_has_its_special_symbol_twice():
    task = Induction(alphabet=5)
    batch = draw(task, 6, rows=4000)
    assert ((batch.inputs == 4).sum(dim=1) == 2).all()
    assert (batch.inputs[:, -1] == 4).all()
    place = (batch.inputs == 4).int().argmax(dim=1)
    assert set(place.tolist()) == set(range(4))
    held = task.remembered(batch)
    for step in range(6):
        known = place + 1 <= step
        assert (held[~known, step] == -1).all()
        assert torch.equal(held[known, step], batch.targets[known, 0])
    assert torch.equal(task.features(batch)["b is kept"], (held == 1).float())


def test_an_alphabet_without_two_ordinary_symbols_is_refused():
    with pytest.raises(ValueError, match="alphabet=2"):
        Induction(alphabet=2)
