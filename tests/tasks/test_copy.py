"""Copy memory."""

import pytest
import torch
from harness.tasks.copy import Copy

from harness.testing import TaskContract


def draw(task, length, rows=50):
    return task.sample(torch.Generator().manual_seed(0), rows, length)


class TestCopy(TaskContract):
    @pytest.fixture
    def task(self):
        return Copy()


class TestSelective(TaskContract):
    @pytest.fixture
    def task(self):
        return Copy(selective=True)


class TestManyOfTwoSymbols(TaskContract):
    @pytest.fixture
    def task(self):
        return Copy(symbols=40, alphabet=2)


@pytest.mark.parametrize("length", [1, 2, 30])
def test_a_sequence_is_symbols_blanks_delimiter_blanks(length):
    inputs, targets, mask, lengths, loss_mask, _ = draw(Copy(), length)
    blank, delimiter = 8, 9
    assert inputs.shape == (50, length + 20)
    assert (inputs[:, :10] < 8).all()
    assert (inputs[:, 10 : length + 9] == blank).all()
    assert (inputs[:, length + 9] == delimiter).all()
    assert (inputs[:, length + 10 :] == blank).all()
    assert (targets[:, :-10] == blank).all()
    assert torch.equal(targets[:, -10:], inputs[:, :10])
    assert mask.sum(dim=1).eq(10).all()
    assert mask[:, -10:].all()
    assert loss_mask.all()
    assert lengths is None


def test_selective_shows_the_symbols_in_order_at_places_that_differ():
    batch = draw(Copy(symbols=5, selective=True), 10, rows=500)
    shown = batch.inputs < 8
    assert (shown.sum(dim=1) == 5).all()
    assert not shown[:, 14:].any()  # the delimiter and the answer
    assert (batch.inputs[:, 14] == 9).all()
    assert torch.equal(batch.inputs[shown].view(500, 5), batch.targets[:, -5:])
    shares = shown[:, :14].double().mean(dim=0)
    assert shares.sub(5 / 14).abs().max() < 0.1  # every place is as likely


def test_every_symbol_is_equally_likely():
    counts = torch.bincount(draw(Copy(), 1, rows=4000).targets[:, -10:].flatten(), minlength=9)
    assert counts[8] == 0
    assert counts[:8].double().sub(5000).abs().max() < 300


@pytest.mark.parametrize(("options", "named"), [({"symbols": 0}, "symbols=0"), ({"alphabet": 1}, "alphabet=1")])
def test_a_wrong_option_is_refused_with_its_value(options, named):
    with pytest.raises(ValueError, match=named):
        Copy(**options)
