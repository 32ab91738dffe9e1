"""The stack: equal to torch's own layers, with dropout between them and residuals where widths agree."""

from __future__ import annotations

import pytest
import torch
from harness.plugins.bidirectional import Bidirectional
from harness.plugins.deep import Deep
from harness.plugins.gru import GRU
from harness.plugins.lstm import LSTM
from harness.plugins.rnn import RNN
from torch import nn

from harness.discovery.compose import build_architecture

ROWS, STEPS, INPUTS, HIDDEN = 4, 7, 3, 5
LENGTHS = torch.tensor([7, 1, 4, 6])


@pytest.mark.parametrize("carried", [False, True], ids=["anew", "carried"])
def test_equals_torchs_own_two_layers_in_values_and_gradients(carried):
    torch.manual_seed(0)
    ours = Deep(INPUTS, HIDDEN, LSTM).double()
    theirs = nn.LSTM(INPUTS, HIDDEN, num_layers=2, batch_first=True).double()
    with torch.no_grad():
        for i, layer in enumerate(ours.layers):
            for name, p in layer.kernel.named_parameters():
                theirs.get_parameter(name.replace("_l0", f"_l{i}")).copy_(p)
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.double, requires_grad=True)
    h, c = torch.randn(2, 2, ROWS, HIDDEN, dtype=torch.double).unbind()
    out, states = ours(x, ((h[0], c[0]), (h[1], c[1])) if carried else None)
    expected, final = theirs(x, (h, c) if carried else None)
    torch.testing.assert_close(out, expected)
    for ours_parts, theirs_part in zip(zip(*states, strict=True), final, strict=True):
        torch.testing.assert_close(torch.stack(ours_parts), theirs_part)

    weights = torch.randn_like(out)
    found = torch.autograd.grad((out * weights).sum(), [x, *ours.parameters()])
    wanted = torch.autograd.grad((expected * weights).sum(), [x, *theirs.parameters()])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_depth_one_is_the_base_alone():
    deep = Deep(INPUTS, HIDDEN, GRU, depth=1)
    x = torch.randn(ROWS, STEPS, INPUTS)
    assert torch.equal(deep(x, None, LENGTHS)[0], deep.layers[0](x, None, LENGTHS)[0])


def test_layers_above_the_first_take_the_output_size_of_the_base():
    deep = Deep(INPUTS, HIDDEN, lambda i, h: Bidirectional(i, h, RNN), depth=3)
    assert [layer.input_size for layer in deep.layers] == [INPUTS, 2 * HIDDEN, 2 * HIDDEN]
    assert deep.output_size == 2 * HIDDEN


def test_dropout_falls_between_layers_in_training_only():
    deep = Deep(INPUTS, HIDDEN, Passes, depth=2, dropout=0.5)
    x = torch.ones(64, STEPS, INPUTS)
    out = deep.train()(x)[0]
    assert set(out.unique().tolist()) == {0.0, 2.0}  # dropped once, so not 4.0
    assert 0.4 < (out == 0).float().mean().item() < 0.6
    assert torch.equal(deep.eval()(x)[0], x)
    assert torch.equal(Deep(INPUTS, HIDDEN, Passes, depth=1, dropout=0.5).train()(x)[0], x)


@pytest.mark.parametrize(("inputs", "layers"), [(INPUTS, (1, 2)), (HIDDEN, (0, 1, 2))])
def test_residual_stands_where_the_widths_agree(inputs, layers):
    torch.manual_seed(0)
    deep = Deep(inputs, HIDDEN, GRU, depth=3, residual=True)
    assert deep.residual_layers == layers
    assert f"residual_layers={layers}" in repr(deep)
    expected = x = torch.randn(ROWS, STEPS, inputs)
    for i, layer in enumerate(deep.layers):
        out, _ = layer(expected)
        expected = expected + out if i in layers else out
    torch.testing.assert_close(deep(x)[0], expected)


def test_residual_carries_what_dropout_has_not_touched():
    deep = Deep(INPUTS, HIDDEN, Passes, depth=2, dropout=0.5, residual=True).train()
    out, _ = deep(torch.ones(64, STEPS, INPUTS))
    assert set(out.unique().tolist()) == {2.0, 6.0}  # 2 from the first layer, and 0 or 4 from the second


def test_without_residual_no_layer_has_one():
    assert Deep(HIDDEN, HIDDEN, GRU).residual_layers == ()


@pytest.mark.parametrize(("base", "causal", "stateful"), [("gru", True, True), ("bidirectional:gru", False, False)])
def test_is_causal_and_stateful_if_its_layers_are(base, causal, stateful):
    deep = build_architecture(f"deep:{base}", INPUTS, HIDDEN)
    assert (deep.causal, deep.stateful) == (causal, stateful)


def test_takes_as_many_steps_as_its_layers():
    assert Deep(INPUTS, HIDDEN, GRU).max_length is None
    assert Deep(INPUTS, HIDDEN, AtMostNine).max_length == 9
    assert Bidirectional(INPUTS, HIDDEN, AtMostNine).max_length == 9


def test_combines_the_parameter_groups_of_its_layers():
    groups = Deep(INPUTS, HIDDEN, SlowRecurrence, depth=3).parameter_groups()
    assert [group.get("lr_scale", 1.0) for group in groups] == [1.0, 0.1] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1, got -0.1"),
        ({"dropout": float("nan")}, "dropout must be at least 0 and below 1, got nan"),
    ],
)
def test_wrong_values_name_the_rule_and_the_value(options, message):
    with pytest.raises(ValueError, match=message):
        Deep(INPUTS, HIDDEN, GRU, **options)


class Passes(GRU):
    """Hands its inputs on, so that what the stack does to them can be seen."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.output_size = input_size

    def forward(self, x, state=None, lengths=None):
        return x, None


class AtMostNine(GRU):
    """A base that takes no more than nine steps."""

    max_length = 9


class SlowRecurrence(RNN):
    """A base with parameter groups of its own."""

    def parameter_groups(self):
        slow = [self.kernel.weight_hh_l0]
        rest = [p for p in self.parameters() if p is not slow[0]]
        return [{"params": rest}, {"params": slow, "lr_scale": 0.1}]
