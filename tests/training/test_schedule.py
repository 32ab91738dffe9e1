"""The learning rate over the steps: what a schedule says, and what the optimizer really has."""

import math

import pytest
import torch
from torch import nn

from harness.cli.main import main
from harness.discovery.compose import build_architecture
from harness.training.build import build_task
from harness.training.device import computing
from harness.training.model import Model
from harness.training.optimizer import make_optimizer
from harness.training.schedule import learning_rate
from harness.training.train import Training, train
from harness.training.weights import from_bytes, to_bytes

CPU = torch.device("cpu")


@pytest.fixture
def rates(monkeypatch):
    """The learning rates that the optimizer has at every step."""
    seen = []
    step = torch.optim.Adam.step

    def observed(self, closure=None):
        seen.append([group["lr"] for group in self.param_groups])
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", observed)
    return seen


def trained(spec, architecture=None):
    task = build_task(spec.task, spec.task_options)
    model = Model(architecture or build_architecture(spec.architecture, task.inputs.size, spec.hidden_size), task)
    result = Training()
    with computing(CPU):
        train(model, task, spec, CPU, result, lambda progress: None)
    return result


def test_a_constant_rate_stays(small, rates):
    trained(small(lr=0.01, steps=4))
    assert rates == [[0.01]] * 4


def test_the_warm_up_grows_to_the_rate_and_cosine_falls_to_the_end(small, rates):
    result = trained(small(lr=0.01, final_lr=0.001, steps=10, warmup=4, schedule="cosine", validate_every=2))
    cosine = [0.001 + 0.009 * (1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]
    expected = [0.0025, 0.005, 0.0075, 0.01, *cosine]
    assert [rate for (rate,) in rates] == pytest.approx(expected)
    assert [point.lr for point in result.curve] == pytest.approx(expected[1::2])


def test_linear_falls_evenly_and_groups_keep_their_scale(small, rates):
    architecture = build_architecture("rnn", 10, 8)
    own = dict(architecture.named_parameters())
    slow = own.pop("kernel.weight_hh_l0")
    architecture.parameter_groups = lambda: [{"params": slow, "lr_scale": 0.1}, {"params": own.values()}]
    trained(small(architecture="rnn", lr=0.01, steps=5, schedule="linear"), architecture)
    assert [max(both) for both in rates] == pytest.approx([0.01, 0.008, 0.006, 0.004, 0.002])
    assert [min(both) for both in rates] == pytest.approx([0.001, 0.0008, 0.0006, 0.0004, 0.0002])


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_no_rate_is_negative_or_above_the_rate_asked_for(small, schedule):
    spec = small(lr=0.01, steps=50, warmup=7, schedule=schedule)
    assert all(0 < learning_rate(spec, step) <= 0.01 for step in range(50))


def test_the_gradient_norm_is_recorded_as_it_was_before_clipping(small):
    loose, tight = (trained(small(steps=1, clip=clip, validate_every=1)).curve[0] for clip in (0.0, 1e-3))
    assert loose.gradient_norm > 0.05
    assert tight.gradient_norm > 0.05


class Normed(nn.Module):
    """One parameter of each kind."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.enter = nn.Linear(input_size, hidden_size)
        self.norm = nn.LayerNorm((1, hidden_size))
        self.bias_table = nn.Parameter(torch.zeros(1, hidden_size))

    def forward(self, x):
        return self.norm(self.enter(x).unsqueeze(-2)).squeeze(-2) + self.bias_table


def decays(spec, architecture):
    """The weight decay of each parameter."""
    model = Model(architecture, build_task("copy", {}))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = make_optimizer(model, spec).param_groups
    return {names[id(p)].removeprefix("architecture.module."): g["weight_decay"] for g in groups for p in g["params"]}


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_matrices_decay_biases_and_norms_do_not(small, optimizer):
    from harness.discovery.adapt import as_architecture

    found = decays(small(optimizer=optimizer, weight_decay=0.1), as_architecture(Normed(10, 8), 10, 8))
    assert found.pop("enter.weight") == found.pop("head.weight") == 0.1
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize(("optimizer", "expected"), [("adam", 0.0), ("adamw", 0.01), ("sgd", 0.0)])
def test_the_default_decay_is_the_optimizer_s_own(small, optimizer, expected):
    found = decays(small(optimizer=optimizer), build_architecture("gru", 10, 8))
    assert max(found.values()) == expected
    assert found["head.bias"] == 0.0


def test_a_group_of_a_plugin_keeps_the_decay_it_states(small):
    architecture = build_architecture("gru", 10, 8)
    architecture.parameter_groups = lambda: [{"params": architecture.parameters(), "weight_decay": 0.0}]
    found = decays(small(optimizer="adamw", weight_decay=0.1), architecture)
    assert found.pop("head.weight") == 0.1
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--warmup 500 --steps 300", "--warmup 500 leaves no steps to train: --steps is 300, and must be more."),
        ("--warmup -1", "must be at least 0, got -1"),
        ("--schedule cosin", "takes constant, cosine, linear, got 'cosin'"),
        ("--final-lr 1e-4", "--final-lr is where a schedule ends: add --schedule cosine or linear."),
        ("--schedule cosine --final-lr 1", "--final-lr 1 must be at most the learning rate, --lr 0.005."),
        ("--optimizer sgd --weight-decay 0.1", "--weight-decay is for adam and adamw, and --optimizer is sgd."),
        ("--weight-decay -1", "must be 0 or a number above 0, got -1"),
        ("--train-sequences 0", "must be at least 1, got 0"),
    ],
)
def test_contradictions_are_refused_before_anything_is_trained(folder, store_uri, capsys, flags, complaint):
    try:
        code = main(["run", "--arch", "rnn", "--task", "copy", "--length", "3", "--engine", "inline", *flags.split()])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert complaint in capsys.readouterr().err


class Rotates(nn.Module):
    """A recurrence with complex parameters."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.enter = nn.Parameter(torch.randn(input_size, hidden_size, dtype=torch.complex64) / 4)
        self.leave = nn.Linear(hidden_size, hidden_size)

    def forward(self, x):
        return self.leave((x.to(torch.complex64) @ self.enter).cumsum(dim=1).real)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_complex_parameters_are_trained_and_kept_by_every_optimizer(small, optimizer):
    from harness.discovery.adapt import as_architecture

    module = Rotates(10, 8)
    before = module.enter.detach().clone()
    trained(small(optimizer=optimizer, steps=2), as_architecture(module, 10, 8))
    assert not torch.equal(module.enter, before)
    other = Rotates(10, 8)
    from_bytes(other, to_bytes(module))
    assert torch.equal(other.enter, module.enter)
