"""What each of the built-in architectures promises beyond the contract: starts, windows, options."""

from __future__ import annotations

import pytest
import torch
from harness.plugins.lru import LRU
from harness.plugins.mgu import MGU
from harness.plugins.mingru import MinGRU
from harness.plugins.mlp import MLP
from harness.plugins.peephole import Peephole
from harness.plugins.tcn import TCN
from harness.plugins.transformer import Transformer
from torch import nn

from harness.discovery.compose import build_architecture
from harness.run import build_task
from harness.spec import RunSpec
from harness.training.model import Model, count_parameters, state_size
from harness.training.optimizer import make_optimizer

NEW = ["lru", "mgu", "mingru", "mlp", "peephole", "tcn", "transformer"]
NEW += ["mamba", "deltanet", "mlstm", "rwkv7", "linear_attention"]

STATE_SIZES = {  # of hidden_size 8 with an input of 3; 4 heads are 2 wide
    "mgu": 8,
    "peephole": 16,
    "lru": 16,
    "mlp": 9 * 3,
    "mamba": 16 * 16 + 3 * 16,
    "deltanet": 4 * 2 * 2 + 3 * 3 * 8,
    "rwkv7": 3 + 4 * 2 * 2,
    "mlstm": 4 * (2 * 2 + 2 + 1),
    "linear_attention": 4 * (2 * 2 + 2),
}


def reach(model: nn.Module, steps: int) -> int:
    """How many of the last inputs the last output depends on."""
    x = torch.randn(1, steps, model.input_size, requires_grad=True)
    last = model(x)[0][0, -1]
    weighted = last @ torch.arange(1.0, len(last) + 1)  # the plain sum of a layer norm's outputs depends on nothing
    gradient = torch.autograd.grad(weighted, x)[0].abs().sum(dim=2)[0]
    return steps - int(gradient.nonzero()[0])


@pytest.mark.parametrize("name", NEW)
def test_any_hidden_size_can_be_built_and_larger_ones_are_larger(name):
    counts = [count_parameters(build_architecture(name, 3, size)) for size in range(1, 14)]
    assert counts == sorted(set(counts))


def test_mgu_is_two_thirds_of_a_gru():
    ours, theirs = count_parameters(MGU(5, 8)), sum(p.numel() for p in nn.GRUCell(5, 8).parameters())
    spare_biases = 3 * 8  # torch has two bias vectors
    assert ours == (theirs - spare_biases) * 2 // 3


@pytest.mark.parametrize("window", [1, 2, 10])
def test_an_mlp_remembers_as_many_steps_as_its_window_has(window):
    assert reach(MLP(3, 64, window=window), 20) == window


@pytest.mark.parametrize(("levels", "kernel_size", "field"), [(1, 2, 3), (3, 3, 29), (4, 2, 31)])
def test_a_tcn_sees_exactly_its_receptive_field(levels, kernel_size, field):
    torch.manual_seed(0)
    model = TCN(3, 32, levels=levels, kernel_size=kernel_size)
    assert model.receptive_field == field
    assert reach(model, 40) == field


def test_a_tcn_starts_with_the_weights_that_torch_draws():
    torch.manual_seed(0)
    ours = TCN(3, 8).blocks[0].first
    torch.manual_seed(0)
    theirs = nn.Conv1d(3, 8, 3)
    assert torch.equal(ours.direction, theirs.weight)
    torch.testing.assert_close(ours.norm.flatten(), theirs.weight.flatten(1).norm(dim=1))


def test_dropout_of_a_tcn_acts_in_training_only():
    model, x = TCN(3, 16, dropout=0.5), torch.randn(2, 9, 3)
    assert not torch.equal(model(x)[0], model(x)[0])
    assert torch.equal(model.eval()(x)[0], model(x)[0])


def test_a_transformer_sees_all_that_came_before():
    assert reach(Transformer(3, 8), 30) == 30


@pytest.mark.parametrize(("hidden_size", "heads", "width"), [(8, 4, 2), (7, 4, 2), (97, 4, 25), (3, 8, 1)])
def test_heads_are_as_wide_as_the_share_of_hidden_size_rounded_up(hidden_size, heads, width):
    model = Transformer(3, hidden_size, heads=heads)
    assert model.blocks[0].split.out_features == 3 * heads * width
    assert model(torch.randn(2, 5, 3))[0].shape == (2, 5, hidden_size)


def test_without_positions_the_order_before_the_last_step_does_not_matter_to_one_layer():
    """What is left of order is the causal mask, and a first layer's last step sees all steps alike."""
    x = torch.randn(2, 6, 3)
    turned = torch.cat([x[:, :5].flip(1), x[:, 5:]], dim=1)
    for positions, same in (("none", True), ("sinusoid", False)):
        model = Transformer(3, 8, layers=1, positions=positions)
        close = torch.allclose(model(x)[0][:, -1], model(turned)[0][:, -1], atol=1e-6)
        assert close is same


def test_a_peephole_lstm_without_peepholes_is_torchs_lstm():
    ours, theirs = Peephole(3, 5), nn.LSTM(3, 5, batch_first=True)
    with torch.no_grad():
        ours.peep.zero_()
        for source, target in (
            (ours.enter.weight, theirs.weight_ih_l0),
            (ours.recur.weight, theirs.weight_hh_l0),
            (ours.enter.bias, theirs.bias_ih_l0),
        ):
            forget, output, candidate, let_in = source.chunk(4)
            target.copy_(torch.cat([let_in, forget, candidate, output]))  # torch's order
        theirs.bias_hh_l0.zero_()
    x = torch.randn(2, 9, 3)
    expected, (h, c) = theirs(x)
    out, state = ours(x)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(state, (h[0], c[0]))


@pytest.mark.parametrize("coupled", [False, True])
def test_the_forget_bias_of_a_peephole_lstm_is_where_it_is_said(coupled):
    model = Peephole(3, 4, coupled=coupled, forget_bias=2.0)
    with torch.no_grad():
        for weight in (model.enter.weight, model.recur.weight, model.peep):
            weight.zero_()
        model.enter.bias[4:] = 0.0
        model.enter.bias[-4:] -= 0.0 if coupled else 50.0  # nothing is let in
    cell = torch.randn(2, 4)
    _, (_, after) = model(torch.randn(2, 5, 3), (torch.zeros(2, 4), cell))
    torch.testing.assert_close(after, cell * torch.sigmoid(torch.tensor(2.0)) ** 5)


def test_coupling_saves_a_gate():
    def count(coupled):
        model = Peephole(5, 8, coupled=coupled)
        return count_parameters(model) - model.peep.numel()

    assert count(True) == count(False) * 3 // 4


def test_a_low_gate_bias_lets_a_mingru_keep_its_state():
    state, x = torch.randn(2, 8), torch.zeros(2, 20, 3)
    kept = MinGRU(3, 8, gate_bias=-20.0)(x, state)[1]
    torch.testing.assert_close(kept, state, rtol=0, atol=1e-4)
    assert not torch.allclose(MinGRU(3, 8)(x, state)[1], state, atol=0.1)


def test_candidates_of_a_positive_mingru_are_positive():
    x = torch.randn(2, 20, 3)
    assert (MinGRU(3, 8, positive=True)(x)[0] > 0).all()
    assert (MinGRU(3, 8)(x)[0] < 0).any()


@pytest.mark.parametrize(("r_min", "r_max"), [(0.0, 0.5), (0.9, 0.999)])
def test_an_lru_starts_on_the_ring_evenly_by_area(r_min, r_max):
    model = LRU(3, 2000, r_min=r_min, r_max=r_max, max_phase=1.0)
    modulus, phase = (-model.nu.exp()).exp(), model.theta.exp()
    assert r_min - 1e-4 <= modulus.min() <= modulus.max() <= r_max + 1e-4
    assert modulus.square().mean().item() == pytest.approx((r_min**2 + r_max**2) / 2, abs=0.01)
    assert 0 <= phase.min() <= phase.max() <= 1.0
    torch.testing.assert_close(model.gain.exp().square() + modulus.square(), torch.ones(2000), rtol=1e-3, atol=1e-3)


def test_an_lru_stays_stable_whatever_it_learns():
    model = LRU(3, 8)
    with torch.no_grad():
        model.nu.copy_(torch.linspace(-20, 5, 8))
    out, state = model(torch.randn(2, 2000, 3))
    assert out.isfinite().all()
    assert state.abs().max() < 2000 * 10


def test_the_recurrence_of_an_lru_learns_more_slowly_and_does_not_decay():
    task = build_task("copy", {})
    model = Model(build_architecture("deep:lru", task.inputs.size, 8, {"lru.lr_scale": 0.25}), task)
    spec = RunSpec("deep:lru", "copy", 5, lr=0.01, optimizer="adamw")
    groups = make_optimizer(model, spec).param_groups
    slow = {id(p) for group in groups if group["lr"] == 0.0025 and group["weight_decay"] == 0 for p in group["params"]}
    layers = model.architecture.layers
    assert slow == {id(p) for layer in layers for p in (layer.nu, layer.theta, layer.gain)}


@pytest.mark.parametrize(("name", "numbers"), STATE_SIZES.items())
def test_the_state_has_the_size_it_should_have(name, numbers):
    assert state_size(build_architecture(name, 3, 8)(torch.randn(1, 4, 3))[1]) == numbers


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (MLP, {"window": 0}, "window must be at least 1, got 0"),
        (TCN, {"levels": 0}, "levels >= 1 .* got levels=0"),
        (TCN, {"kernel_size": 1}, "kernel_size >= 2, got levels=5, kernel_size=1"),
        (TCN, {"dropout": 1.0}, "below 1, got 1.0"),
        (Transformer, {"heads": 0}, "heads >= 1, got layers=2, heads=0"),
        (Transformer, {"positions": "learned"}, "'sinusoid' or 'none', got 'learned'"),
        (LRU, {"r_max": 1.0}, "r_min < r_max < 1 must hold, got r_min=0.9, r_max=1.0"),
        (LRU, {"max_phase": 0.0}, "must be positive, got 0.0 and 0.5"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(make, options, said):
    with pytest.raises(ValueError, match=said):
        make(3, 8, **options)
