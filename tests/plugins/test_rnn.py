"""The simple recurrent network: its start and its options."""

from __future__ import annotations

import pytest
import torch
from harness.plugins.rnn import RNN


def test_identity_start_is_the_identity_with_zero_biases():
    kernel = RNN(3, 8, init="identity").kernel
    assert torch.equal(kernel.weight_hh_l0, torch.eye(8))
    assert not kernel.bias_ih_l0.any()
    assert not kernel.bias_hh_l0.any()


def test_identity_start_leaves_the_input_matrix_as_torch_draws_it():
    torch.manual_seed(0)
    plain = RNN(3, 8)
    torch.manual_seed(0)
    identity = RNN(3, 8, init="identity")
    assert torch.equal(plain.kernel.weight_ih_l0, identity.kernel.weight_ih_l0)


def test_identity_start_with_relu_holds_what_it_has_seen():
    model = RNN(3, 8, nonlinearity="relu", init="identity")
    x = torch.zeros(2, 50, 3)
    x[:, 0] = 1.0
    out, _ = model(x)
    torch.testing.assert_close(out[:, -1], out[:, 0])


def test_default_start_is_torchs_own():
    torch.manual_seed(0)
    ours = RNN(3, 8).kernel
    torch.manual_seed(0)
    theirs = torch.nn.RNN(3, 8)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize("options", [{"nonlinearity": "sigmoid"}, {"init": "orthogonal"}])
def test_unknown_values_name_the_rule_and_the_value(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} must be .* got '{value}'"):
        RNN(3, 8, **options)
