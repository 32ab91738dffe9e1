"""slstm, s4d, lem, cornn and indrnn beyond the contract: starts, bounds, both forms of s4d, gates by name."""

from __future__ import annotations

import math

import pytest
import torch
from harness.plugins.cornn import CoRNN
from harness.plugins.indrnn import IndRNN
from harness.plugins.lem import LEM
from harness.plugins.mgu import MGU
from harness.plugins.peephole import Peephole
from harness.plugins.s4d import S4D
from harness.plugins.slstm import SLSTM
from torch import Tensor

from harness.architecture import CellArchitecture
from harness.discovery.compose import build_architecture
from harness.training.model import count_parameters, state_size

ROWS, INPUTS, HIDDEN = 3, 4, 6


def results(run, model, x: Tensor, state: Tensor) -> list[Tensor]:
    """Outputs and last state, and gradients of all that they are made of."""
    x, state = x.clone().requires_grad_(), state.clone().requires_grad_()
    out, after = run(x, state)
    draw = torch.Generator().manual_seed(3)
    weights = [torch.randn(v.shape, dtype=v.dtype, generator=draw) for v in (out, after)]
    total = sum((v * w).sum().real for v, w in zip((out, after), weights, strict=True))
    return [out.detach(), after.detach(), *torch.autograd.grad(total, [x, state, *model.parameters()])]


@pytest.mark.parametrize("lengths", [None, torch.tensor([1, 9, 4])], ids=["whole", "padded"])
@pytest.mark.parametrize("cuts", [(9,), (1, 8), (4, 1, 4), (1,) * 9], ids=str)
def test_the_convolution_of_s4d_equals_its_steps_in_values_and_gradients_whatever_the_cuts(cuts, lengths):
    if lengths is not None and len(cuts) > 1:
        pytest.skip("rows end within the first chunk")
    torch.manual_seed(0)
    model = S4D(INPUTS, HIDDEN, state=10, dt_min=0.01, dt_max=0.5).double()
    x, state = (
        torch.randn(ROWS, sum(cuts), INPUTS, dtype=torch.double),
        torch.randn(ROWS, HIDDEN, 5, dtype=torch.cdouble),
    )

    def valid(out: Tensor) -> Tensor:
        return out if lengths is None else out * (torch.arange(sum(cuts)) < lengths.unsqueeze(1)).unsqueeze(2)

    def in_chunks(x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        outputs = []
        for chunk in x.split(cuts, dim=1):
            out, state = model(chunk, state, lengths)
            outputs.append(out)
        return valid(torch.cat(outputs, dim=1)), state

    def by_steps(x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        out, after = CellArchitecture.forward(model, x, state, lengths)
        return valid(out), after

    for ours, theirs in zip(results(in_chunks, model, x, state), results(by_steps, model, x, state), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("steps", [1, 2, 7, 200])
def test_s4d_in_single_precision_is_right_at_any_length(steps):
    torch.manual_seed(0)
    model, x = S4D(INPUTS, HIDDEN), torch.randn(ROWS, steps, INPUTS)
    out, after = model(x)
    true, end = CellArchitecture.forward(model.double(), x.double())
    torch.testing.assert_close(out.double(), true, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.to(end.dtype), end, rtol=1e-4, atol=1e-4)


def test_s4d_starts_as_published():
    torch.manual_seed(0)
    model = S4D(INPUTS, 2000, state=8, dt_min=0.001, dt_max=0.1)
    torch.testing.assert_close(-model.log_a_real.exp(), torch.full((2000, 4), -0.5))
    torch.testing.assert_close(model.a_imag, (math.pi * torch.arange(4.0)).expand(2000, 4))
    dt = model.log_dt.exp()
    assert 0.001 <= dt.min() <= dt.max() <= 0.1
    assert model.log_dt.mean().exp().item() == pytest.approx(0.01, rel=0.1)


def test_what_s4d_makes_of_time_learns_more_slowly_and_does_not_decay():
    model = S4D(INPUTS, HIDDEN, lr_scale=0.25)
    slow = next(group for group in model.parameter_groups() if group.get("lr_scale") == 0.25)
    assert slow["weight_decay"] == 0.0
    assert {id(p) for p in slow["params"]} == {id(p) for p in (model.log_dt, model.log_a_real, model.a_imag)}


@pytest.mark.parametrize(("hidden", "widths"), [(8, [2, 2, 2, 2]), (10, [3, 3, 2, 2]), (3, [1, 1, 1]), (1, [1])])
def test_an_slstm_has_a_recurrent_block_for_each_head_whatever_its_size(hidden, widths):
    model = SLSTM(INPUTS, hidden)
    assert [r.shape for r in model.r] == [(4, width, width) for width in widths]
    (matrix,) = SLSTM.recurrent(model)
    assert matrix.shape == (4 * hidden, hidden)
    with torch.no_grad():
        for r in model.r:
            r.fill_(1.0)
    blocks = torch.block_diag(*(torch.ones(width, width) for width in widths))
    assert torch.equal(model.recurrent()[0], blocks.repeat(4, 1))


def test_the_forget_biases_of_an_slstm_start_as_published():
    def biases(**options):
        return SLSTM(INPUTS, 8, heads=2, **options).enter.bias.detach()

    places = torch.tensor([0.0, 1 / 3, 2 / 3, 1.0])
    torch.testing.assert_close(biases()[8:16], (5 - 12 * places**0.3).repeat(2))
    torch.testing.assert_close(biases(bias_init="linspace")[8:16], (3 + 3 * places).repeat(2))
    assert not biases()[:8].any()
    assert not biases()[16:].any()


def test_an_slstm_can_revise_what_it_stored_by_a_larger_input_gate():
    """c / n is a mean of what was let in, weighted by exp(i~): of what came before nothing is left."""
    model = SLSTM(1, 1)
    with torch.no_grad():
        model.enter.bias.copy_(torch.tensor([0.0, 50.0, 0.0, 50.0]))  # i~, f~, z~, o~: all is kept and shown
        model.enter.weight.copy_(torch.tensor([[30.0], [0.0], [1.0], [0.0]]))
    out = model(torch.tensor([[[-1.0], [-1.0], [1.0], [-1.0]]]))[0].flatten()
    torch.testing.assert_close(out, torch.tensor([-1.0, -1.0, 1.0, 1.0]).tanh())


@pytest.mark.parametrize("name", ["slstm", "s4d", "lem", "cornn", "indrnn"])
def test_any_hidden_size_can_be_built_and_larger_ones_are_larger(name):
    counts = [count_parameters(build_architecture(name, 3, size)) for size in range(1, 14)]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize(
    ("name", "numbers"), [("slstm", 32), ("s4d", 8 * 64), ("lem", 16), ("cornn", 16), ("indrnn", 8)]
)
def test_the_state_has_the_size_it_should_have(name, numbers):
    assert state_size(build_architecture(name, 3, 8)(torch.randn(1, 4, 3))[1]) == numbers


@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 1, 4])], ids=["whole", "padded"])
@pytest.mark.parametrize("make", [MGU, Peephole, lambda i, h: Peephole(i, h, coupled=True), S4D])
def test_what_is_observed_agrees_with_the_outputs(make, lengths):
    torch.manual_seed(0)
    model, x = make(INPUTS, HIDDEN), torch.randn(ROWS, 7, INPUTS)
    state = model(torch.randn(ROWS, 2, INPUTS))[1]
    seen = model.observe(x, state, lengths)
    torch.testing.assert_close(seen["hidden"], model(x, state, lengths)[0])
    assert all(values.shape == (ROWS, 7, HIDDEN) for values in seen.values())


def test_the_gates_of_mgu_and_peephole_are_those_of_their_equations():
    torch.manual_seed(0)
    x = torch.randn(ROWS, 7, INPUTS)
    seen = Peephole(INPUTS, HIDDEN).observe(x)
    c = torch.cat([torch.zeros(ROWS, 1, HIDDEN), seen["cell"]], dim=1)
    torch.testing.assert_close(seen["forget gate"] * c[:, :-1] + seen["input gate"] * seen["candidate"], c[:, 1:])
    torch.testing.assert_close(seen["output gate"] * torch.tanh(c[:, 1:]), seen["hidden"])
    seen = MGU(INPUTS, HIDDEN).observe(x)
    h = torch.cat([torch.zeros(ROWS, 1, HIDDEN), seen["hidden"]], dim=1)
    gate = seen["forget gate"]
    torch.testing.assert_close((1 - gate) * h[:, :-1] + gate * seen["candidate"], h[:, 1:])


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (SLSTM, {"heads": 0}, "heads must be at least 1, got 0"),
        (SLSTM, {"forget_gate": "relu"}, "forget_gate must be 'sigmoid' or 'exp', got 'relu'"),
        (SLSTM, {"bias_init": "zeros"}, "bias_init must be 'powerlaw' or 'linspace', got 'zeros'"),
        (S4D, {"state": 5}, "state must be even and at least 2, .* got 5"),
        (S4D, {"dt_min": 0.2}, "0 < dt_min < dt_max must hold, got dt_min=0.2, dt_max=0.1"),
        (S4D, {"lr_scale": 0.0}, "lr_scale must be above 0, got 0.0"),
        (LEM, {"dt": 0.0}, "dt must be above 0, got 0.0"),
        (CoRNN, {"gamma": -1.0}, "must be above 0, got dt=0.042, gamma=-1.0"),
        (IndRNN, {"nonlinearity": "gelu"}, "nonlinearity must be 'relu' or 'tanh', got 'gelu'"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(make, options, said):
    with pytest.raises(ValueError, match=said):
        make(INPUTS, HIDDEN, **options)
