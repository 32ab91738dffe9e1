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


class TestFeedback(TaskContract):
    @pytest.fixture
    def task(self):
        return Copy(feedback="forced")


class TestManyOfTwoSymbols(TaskContract):
    @pytest.fixture
    def task(self):
        return Copy(symbols=40, alphabet=2)


@pytest.mark.parametrize("length", [1, 2, 30])
def test_a_sequence_is_symbols_blanks_delimiter_blanks(length):
    inputs, targets, mask, lengths, loss_mask, *_ = draw(Copy(), length)
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


@pytest.mark.parametrize("feedback", ["forced", "own"])
def test_with_feedback_each_step_that_repeats_but_the_first_is_fed_the_symbol_before(feedback):
    plain, fed = draw(Copy(symbols=3), 4), draw(Copy(symbols=3, feedback=feedback), 4)
    assert torch.equal(fed.targets, plain.targets)
    assert torch.equal(fed.inputs[:, :-2], plain.inputs[:, :-2])
    assert torch.equal(fed.inputs[:, -2:], fed.targets[:, -3:-1])
    assert fed.fed[:, -2:].all()
    assert not fed.fed[:, :-2].any()


def test_what_is_to_be_remembered_does_not_depend_on_feedback():
    plain, fed = Copy(symbols=3), Copy(symbols=3, feedback="own")
    assert torch.equal(fed.remembered(draw(fed, 4)), plain.remembered(draw(plain, 4)))
