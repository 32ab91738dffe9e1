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


@pytest.mark.parametrize("options", [{"nonlinearity": "sigmoid"}, {"init": "normal"}])
def test_unknown_values_name_the_rule_and_the_value(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} must be .* got '{value}'"):
        RNN(3, 8, **options)


@pytest.mark.parametrize("gain", [0.5, 4.0])
def test_gain_multiplies_the_recurrent_matrix_alone(gain):
    torch.manual_seed(0)
    plain = RNN(3, 8).kernel
    torch.manual_seed(0)
    scaled = RNN(3, 8, gain=gain).kernel
    for (name, a), b in zip(scaled.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b * (gain if name == "weight_hh_l0" else 1.0))


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_an_orthogonal_start_keeps_lengths_but_for_the_gain(gain):
    u = RNN(3, 8, init="orthogonal", gain=gain).kernel.weight_hh_l0
    torch.testing.assert_close(u @ u.T, gain**2 * torch.eye(8), atol=1e-5, rtol=0)
    assert not torch.allclose(u, gain * torch.eye(8), atol=0.1)


@pytest.mark.parametrize(("init", "gain"), [("orthogonal", 1.0), ("orthogonal", 0.5), ("identity", 1.0)])
def test_what_is_kept_orthogonal_stays_so_while_it_learns(init, gain):
    torch.manual_seed(0)
    model = RNN(3, 8, init=init, gain=gain, keep_orthogonal=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    before = model.recurrent.weight.detach().clone()
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(4, 6, 3))[0].square().sum().backward()
        optimizer.step()
    after = model.recurrent.weight.detach()
    assert not torch.allclose(after, before, atol=0.05)
    torch.testing.assert_close(after @ after.T, torch.eye(8), atol=1e-5, rtol=0)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_kept_orthogonal_it_computes_what_the_kernel_would(nonlinearity):
    torch.manual_seed(0)
    kept = RNN(3, 8, nonlinearity=nonlinearity, init="orthogonal", gain=0.9, keep_orthogonal=True)
    plain = RNN(3, 8, nonlinearity=nonlinearity)
    with torch.no_grad():
        for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
            plain.kernel.get_parameter(name).copy_(kept.kernel.get_parameter(name))
        plain.kernel.weight_hh_l0.copy_(0.9 * kept.recurrent.weight)
    x, state, lengths = torch.randn(3, 6, 3), torch.randn(3, 8), torch.tensor([6, 1, 4])
    for ours, theirs in zip(kept(x, state, lengths), plain(x, state, lengths), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gain": 0.0}, "gain must be above 0, got 0.0"),
        ({"keep_orthogonal": True}, "keep_orthogonal=True needs init=orthogonal or init=identity, got init=default"),
    ],
)
def test_options_that_do_not_fit_name_the_rule_and_the_value(options, said):
    with pytest.raises(ValueError, match=said):
        RNN(3, 8, **options)
