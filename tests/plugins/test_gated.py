"""LSTM and GRU beyond their fused kernels: starts, dropout, zoneout and layer norm inside the cell, gates by name."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from harness.plugins.gru import GRU
from harness.plugins.lstm import LSTM
from torch import Tensor, nn

from harness.discovery.compose import build_architecture
from harness.spec import SweepSpec
from harness.sweeps.plan import plan
from harness.testing import ArchitectureContract
from harness.training.build import build_model, build_task, time_steps

ROWS, STEPS, INPUTS, HIDDEN = 3, 7, 4, 5
LENGTHS = torch.tensor([7, 1, 4])
KINDS = {"lstm": LSTM, "gru": GRU}
NOISE = [
    ("lstm", {"recurrent_dropout": 0.1}),
    ("lstm", {"zoneout": 0.05, "zoneout_cell": 0.3, "layer_norm": True}),
    ("lstm", {"init": "chrono"}),
    ("gru", {"recurrent_dropout": 0.1, "zoneout": 0.1}),
    ("gru", {"layer_norm": True}),
    ("gru", {"init": "chrono"}),
]


class TestOptions(ArchitectureContract):
    @pytest.fixture(params=NOISE, ids=lambda case: f"{case[0]} {' '.join(case[1])}")
    def make(self, request):
        name, options = request.param
        return lambda i, h: build_architecture(name, i, h, {f"{name}.{k}": v for k, v in options.items()}, 16)


class TestOrthogonal(ArchitectureContract):
    @pytest.fixture
    def make(self):
        return lambda i, h: build_architecture("rnn", i, h, {"rnn.init": "orthogonal", "rnn.keep_orthogonal": True})


def norm(x: Tensor, module: nn.LayerNorm) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    scaled = centred / (centred.square().mean(dim=-1, keepdim=True) + module.eps).sqrt() * module.weight
    return scaled if module.bias is None else scaled + module.bias


def same_draws(size: tuple[int, ...], rate: float) -> Tensor:
    """Which units keep their old values, as torch's generator has them."""
    return torch.rand(size, dtype=torch.double) < rate


def lstm_of_the_papers(model: LSTM, x: Tensor) -> Tensor:
    """Krueger et al.'s equations 5 and 6 with Ba et al.'s equations 20 to 22 and Gal & Ghahramani's mask upon h."""
    k, size = model.kernel, (ROWS, HIDDEN)
    b_i, b_f, b_g, b_o = (k.bias_ih_l0 + k.bias_hh_l0).chunk(4)
    mask = F.dropout(torch.ones(size, dtype=x.dtype), model.recurrent_dropout)
    h = c = torch.zeros(size, dtype=x.dtype)
    outputs = []
    for x_t in x.unbind(1):
        a = norm(x_t @ k.weight_ih_l0.T, model.norm_x) + norm((h * mask) @ k.weight_hh_l0.T, model.norm_h)
        i, f, g, o = a.chunk(4, dim=1)
        i, f, g, o = torch.sigmoid(i + b_i), torch.sigmoid(f + b_f), torch.tanh(g + b_g), torch.sigmoid(o + b_o)
        c_new = f * c + i * g
        h_new = o * torch.tanh(norm(c_new, model.norm_c))
        d_h, d_c = (same_draws(size, rate).double() for rate in (model.zoneout, model.zoneout_cell))
        h, c = d_h * h + (1 - d_h) * h_new, d_c * c + (1 - d_c) * c_new
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def gru_of_the_papers(model: GRU, x: Tensor) -> Tensor:
    """The equations of Ba et al.'s supplement, in torch's form of the candidate, with the same mask and zoneout."""
    k, size = model.kernel, (ROWS, HIDDEN)
    w_gates, w_n = k.weight_ih_l0.split([2 * HIDDEN, HIDDEN])
    u_gates, u_n = k.weight_hh_l0.split([2 * HIDDEN, HIDDEN])
    mask = F.dropout(torch.ones(size, dtype=x.dtype), model.recurrent_dropout)
    h, outputs = torch.zeros(size, dtype=x.dtype), []
    for x_t in x.unbind(1):
        gates = norm(x_t @ w_gates.T, model.norm_gates_x) + norm((h * mask) @ u_gates.T, model.norm_gates_h)
        r, z = torch.sigmoid(gates + (k.bias_ih_l0 + k.bias_hh_l0)[: 2 * HIDDEN]).chunk(2, dim=1)
        from_h = norm((h * mask) @ u_n.T, model.norm_n_h) + k.bias_hh_l0[2 * HIDDEN :]
        n = torch.tanh(norm(x_t @ w_n.T, model.norm_n_x) + k.bias_ih_l0[2 * HIDDEN :] + r * from_h)
        d_h = same_draws(size, model.zoneout).double()
        h = d_h * h + (1 - d_h) * ((1 - z) * n + z * h)
        outputs.append(h)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize(
    ("make", "papers", "options"),
    [(LSTM, lstm_of_the_papers, {"zoneout": 0.3, "zoneout_cell": 0.5}), (GRU, gru_of_the_papers, {"zoneout": 0.4})],
    ids=KINDS,
)
def test_with_all_options_a_training_pass_equals_the_papers_in_values_and_gradients(make, papers, options):
    torch.manual_seed(0)
    model = make(INPUTS, HIDDEN, recurrent_dropout=0.4, layer_norm=True, **options).double().train()
    for name, p in model.named_parameters():
        if "norm" in name:
            nn.init.normal_(p)
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.double, requires_grad=True)
    weights, sources, results = torch.randn(ROWS, STEPS, HIDDEN, dtype=torch.double), [x, *model.parameters()], []
    for run in (lambda: model(x)[0], lambda: papers(model, x)):
        torch.manual_seed(1)
        out = run()
        results.append([out, *torch.autograd.grad((out * weights).sum(), sources)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", KINDS)
def test_recurrent_dropout_falls_in_training_only_and_upon_the_same_units_at_every_step(name):
    torch.manual_seed(0)
    model = KINDS[name](INPUTS, HIDDEN, recurrent_dropout=0.5)
    plain, x = KINDS[name](INPUTS, HIDDEN), torch.randn(ROWS, STEPS, INPUTS)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(x)[0], plain(x)[0])
    first, second = model.train()(x)[0], model(x)[0]
    torch.testing.assert_close(first[:, 0], second[:, 0])  # nothing is carried into the first step
    assert not torch.allclose(first[:, 1:], second[:, 1:])
    assert set(model.dropout_mask(x).unique().tolist()) <= {0.0, 2.0}


@pytest.mark.parametrize("name", KINDS)
def test_zoneout_keeps_the_expected_share_and_evaluation_takes_the_expectation(name):
    torch.manual_seed(0)
    model = KINDS[name](1, 2000, zoneout=0.25)
    old, new = torch.zeros(1, 2000), torch.ones(1, 2000)
    kept = (model.train().zoned(new, old, 0.25) == 0).float().mean().item()
    assert kept == pytest.approx(0.25, abs=0.04)
    assert (model.eval().zoned(new, old, 0.25) == 0.75).all()


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "padded"])
@pytest.mark.parametrize("carried", [False, True], ids=["anew", "carried"])
@pytest.mark.parametrize("name", KINDS)
def test_what_is_observed_agrees_with_the_fused_outputs(name, carried, lengths):
    torch.manual_seed(0)
    model = KINDS[name](INPUTS, HIDDEN)
    x = torch.randn(ROWS, STEPS, INPUTS)
    state = model(torch.randn(ROWS, 3, INPUTS))[1] if carried else None
    out, after = model(x, state, lengths)
    seen = model.observe(x, state, lengths)
    torch.testing.assert_close(seen["hidden"], out)
    assert all(values.shape == (ROWS, STEPS, HIDDEN) for values in seen.values())
    if name == "lstm":
        last = (LENGTHS if lengths is not None else torch.full((ROWS,), STEPS)) - 1
        torch.testing.assert_close(seen["cell"][torch.arange(ROWS), last], after[1])
        c = torch.cat([torch.zeros(ROWS, 1, HIDDEN) if state is None else state[1].unsqueeze(1), seen["cell"]], dim=1)
        torch.testing.assert_close(seen["forget gate"] * c[:, :-1] + seen["input gate"] * seen["candidate"], c[:, 1:])
    else:
        h = torch.cat([torch.zeros(ROWS, 1, HIDDEN) if state is None else state.unsqueeze(1), out], dim=1)
        z, valid = seen["update gate"], slice(None) if lengths is None else slice(1)
        torch.testing.assert_close(((1 - z) * seen["candidate"] + z * h[:, :-1])[valid], h[valid, 1:])
        assert "reset gate" in seen


def kept_biases(model: nn.Module) -> Tensor:
    """The total bias of the gate that keeps the state: the second in torch's order of both kernels."""
    return (model.kernel.bias_ih_l0 + model.kernel.bias_hh_l0).detach()[2000:4000]


@pytest.mark.parametrize("longest", [10, 200])
@pytest.mark.parametrize("name", KINDS)
def test_a_chrono_start_spreads_the_time_constants_evenly_up_to_the_longest_sequence(name, longest):
    torch.manual_seed(0)
    model = build_architecture(name, 3, 2000, {f"{name}.init": "chrono"}, longest)
    times = kept_biases(model).exp()
    assert 1.0 <= times.min() < 1.0 + 0.01 * longest
    assert 0.99 * (longest - 1) < times.max() <= longest - 1 + 1e-3
    assert times.mean().item() == pytest.approx(longest / 2, rel=0.05)
    if name == "lstm":
        enter = (model.kernel.bias_ih_l0 + model.kernel.bias_hh_l0).detach()[:2000]
        torch.testing.assert_close(enter, -kept_biases(model))


@pytest.mark.parametrize("longest", [1, 2])
def test_a_chrono_start_for_the_shortest_sequences_is_zero(longest):
    assert not kept_biases(LSTM(3, 2000, init="chrono", max_length=longest)).any()


def test_a_gru_starts_as_torch_draws_it_unless_its_update_gate_is_set():
    torch.manual_seed(0)
    ours = GRU(3, 8).kernel
    torch.manual_seed(0)
    theirs = nn.GRU(3, 8)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    state = torch.randn(2, 2000)
    kept = GRU(3, 2000, forget_bias=30.0)(torch.randn(2, 5, 3), state)[1]
    torch.testing.assert_close(kept, state, atol=1e-4, rtol=0)
    assert (kept_biases(GRU(3, 2000, forget_bias=3.0)) == 3.0).all()


def test_options_cost_no_parameters_but_for_the_norms():
    def count(make, **options):
        return sum(p.numel() for p in make(INPUTS, HIDDEN, **options).parameters())

    for make in KINDS.values():
        assert count(make, recurrent_dropout=0.1, zoneout=0.1) == count(make)
    assert count(LSTM, layer_norm=True) - count(LSTM) == (4 + 4 + 2) * HIDDEN
    assert count(GRU, layer_norm=True) - count(GRU) == 2 * 3 * HIDDEN


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("lstm", {"recurrent_dropout": 1.0}, "recurrent_dropout must be at least 0 and below 1, got 1.0"),
        ("gru", {"zoneout": -0.1}, "zoneout must be at least 0 and below 1, got -0.1"),
        ("lstm", {"zoneout_cell": math.nan}, "zoneout_cell must be at least 0 and below 1, got nan"),
        ("gru", {"init": "xavier"}, "init must be 'default' or 'chrono', got 'xavier'"),
        ("lstm", {"init": "chrono"}, "needs the number of steps of the longest sequence, got max_length=None"),
        (
            "lstm",
            {"init": "chrono", "forget_bias": 2.0, "max_length": 9},
            "sets .* itself, got forget_bias=2.0 as well",
        ),
        ("gru", {"init": "chrono", "forget_bias": 2.0, "max_length": 9}, "sets .* itself, got forget_bias=2.0 as well"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(name, options, said):
    with pytest.raises(ValueError, match=said):
        KINDS[name](INPUTS, HIDDEN, **options)


def test_a_sweep_tells_the_architectures_that_ask_how_long_its_longest_sequence_is():
    sweep = SweepSpec(("lstm", "indrnn"), ("copy",), (3,), options={"lstm.init": ("chrono",)}, settings={"steps": 2})
    task = build_task("copy", {})
    longest = time_steps(task, 3)
    lstm, indrnn = (build_model(spec, task).architecture for spec in plan(sweep))
    forget = (lstm.kernel.bias_ih_l0 + lstm.kernel.bias_hh_l0).detach().chunk(4)[1]
    assert 0.8 * (longest - 1) < forget.exp().max() <= longest - 1 + 1e-3
    assert indrnn.bound == 2 ** (1 / longest)
