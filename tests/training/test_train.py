"""The training loop: what it does to gradients, when it stops, what it leaves behind."""

import math
import re

import pytest
import torch
from torch import nn

from harness.discovery.adapt import as_architecture
from harness.discovery.compose import build_architecture
from harness.errors import DivergedError, RefusedError
from harness.training.build import build_task
from harness.training.device import computing
from harness.training.model import Model
from harness.training.optimizer import make_optimizer
from harness.training.train import Training, train

CPU = torch.device("cpu")


def trained(spec, architecture=None, on_progress=lambda progress: None):
    task = build_task(spec.task, spec.task_options)
    torch.manual_seed(0)
    architecture = architecture or build_architecture(spec.architecture, task.inputs.size, spec.hidden_size)
    model, result = Model(architecture, task), Training()
    with computing(CPU):
        train(model, task, spec, CPU, result, on_progress)
    return model, result


@pytest.fixture
def gradient_norms(monkeypatch):
    """The norm of the whole gradient at every optimizer step."""
    norms = []
    step = torch.optim.SGD.step

    def observed(self, closure=None):
        loss = closure() if closure is not None else None
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())
        step(self, None)
        return loss

    monkeypatch.setattr(torch.optim.SGD, "step", observed)
    return norms


def test_clipping_really_clips(small, gradient_norms):
    trained(small(optimizer="sgd", clip=0.01))
    assert gradient_norms == pytest.approx([0.01] * 6, rel=1e-3)


def test_no_clipping_leaves_gradients_alone(small, gradient_norms):
    trained(small(optimizer="sgd", clip=0.0))
    assert min(gradient_norms) > 0.05


def test_the_budget_is_the_number_of_optimizer_steps(small, gradient_norms):
    _, result = trained(small(optimizer="sgd", steps=7))
    assert (len(gradient_norms), result.steps) == (7, 7)


def test_the_learning_curve_has_a_point_at_each_validation_and_at_the_end(small):
    _, result = trained(small(steps=7, validate_every=3))
    assert [point.step for point in result.curve] == [3, 6, 7]
    assert all(math.isfinite(point.train_loss + point.validation_loss) for point in result.curve)


def test_training_stops_when_solved_and_says_at_which_step(small, loose_task):
    spec = small(task=loose_task, length=3, steps=400, validate_every=20, batch_size=16, hidden_size=32, lr=0.01)
    _, result = trained(spec)
    first = next(point.step for point in result.curve if point.validation_accuracy >= 0.99)
    assert result.steps_to_solve == first
    assert result.steps == first + 20  # confirmed by the next validation


def test_an_unsolved_run_has_no_steps_to_solve(small):
    assert trained(small())[1].steps_to_solve is None


def test_a_loss_that_is_not_finite_ends_the_run_at_its_step(small):
    class Breaks(nn.Module):
        calls = 0

        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(10, 8, batch_first=True)

        def forward(self, x):
            Breaks.calls += 1
            return self.rnn(x)[0] * (float("nan") if Breaks.calls > 4 else 1.0)

    architecture = as_architecture(Breaks(), 10, 8)  # the dry run is the first call
    with pytest.raises(DivergedError, match="nan at step 4"):
        trained(small(validate_every=6), architecture)


def test_lr_scale_of_a_parameter_group_multiplies_the_learning_rate(small):
    task = build_task("copy", {})
    architecture = build_architecture("rnn", 10, 8)
    architecture.parameter_groups = lambda: [
        {"params": [architecture.kernel.weight_hh_l0], "lr_scale": 0.1},
        {"params": [p for name, p in architecture.kernel.named_parameters() if name != "weight_hh_l0"]},
    ]
    optimizer = make_optimizer(Model(architecture, task), small(lr=0.5))
    rates = sorted((group["lr"], len(group["params"])) for group in optimizer.param_groups)
    assert rates == [(0.05, 1), (0.5, 5)]  # groups that differ in nothing are one


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimizer_moves_every_parameter(small, optimizer):
    task = build_task("copy", {})
    torch.manual_seed(0)
    before = [p.clone() for p in Model(build_architecture("lstm", 10, 8), task).parameters()]
    model, _ = trained(small(optimizer=optimizer, clip=0.0))
    after = list(model.parameters())
    # torch's LSTM has two bias vectors; each must move
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_denormals_are_flushed_wherever_the_model_computes(small):
    """In forward and in backward, each asked in the thread that computes it."""
    seen = {}

    class Asks(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen["forward"] = (torch.full((1,), 1e-30) * 1e-10).item()
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            seen["backward"] = (torch.full((1,), 1e-30) * 1e-10).item()
            return gradient

    class Observed(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(10, 8, batch_first=True)

        def forward(self, x):
            return Asks.apply(self.rnn(x)[0])

    trained(small(steps=1), as_architecture(Observed(), 10, 8))
    assert seen == {"forward": 0.0, "backward": 0.0}
    assert (torch.full((1,), 1e-30) * 1e-10).item() != 0.0  # and only there


def test_progress_is_told(small):
    looks = []
    trained(small(steps=3000, validate_every=1000), on_progress=looks.append)
    assert looks
    assert looks[-1].tokens_per_second > 0
    assert [look.step for look in looks] == sorted(look.step for look in looks)


def test_an_error_before_the_first_step_is_told_as_it_is(small):
    architecture = build_architecture("rnn", 10, 8)

    def broken():
        raise RuntimeError("no groups")

    architecture.parameter_groups = broken
    with pytest.raises(RuntimeError, match="no groups"):
        trained(small(), architecture)


@pytest.mark.parametrize("precision", ["64", "bf16-mixed"])
@pytest.mark.parametrize("task", ["copy", "adding"])
def test_every_precision_trains_every_kind_of_input(small, precision, task):
    from harness.run import run

    record = run(small(task=task, length=6, precision=precision), CPU)
    assert (record.status, record.reason) == ("ok", "")


GROUPS = {
    "leaves out kernel.weight_hh_l0:": lambda own: [{"params": [p for n, p in own.items() if n != "weight_hh_l0"]}],
    "lists more than once kernel.bias_ih_l0:": lambda own: [{"params": own.values()}, {"params": own["bias_ih_l0"]}],
    "No setting of a group 'lr_scal'. Did you mean 'lr_scale'": lambda own: [{"params": own.values(), "lr_scal": 0.1}],
    "No setting of a group 'lr'. ": lambda own: [{"params": own.values(), "lr": 0.1}],
    "leaves out kernel.weight_ih_l0, kernel.weight_hh_l0, kernel.bias_ih_l0 and 1 more:": lambda own: [{"lr_scale": 1}],
}


@pytest.mark.parametrize("plain", [False, True], ids=["architecture", "plain module"])
@pytest.mark.parametrize("complaint", GROUPS)
def test_parameter_groups_that_would_train_other_than_they_say_are_refused(small, complaint, plain):
    module = nn.RNN(10, 8, batch_first=True) if plain else build_architecture("rnn", 10, 8)
    own = {name.removeprefix("kernel."): parameter for name, parameter in module.named_parameters()}
    module.parameter_groups = lambda: GROUPS[complaint](own)
    seen = complaint.replace("kernel.", "module.") if plain else complaint
    with pytest.raises(RefusedError, match=re.escape(seen)):
        trained(small(), as_architecture(module, 10, 8))


def test_groups_may_be_of_one_parameter_or_an_iterator_and_have_settings_of_the_optimizer(small):
    architecture = build_architecture("rnn", 10, 8)
    own = dict(architecture.kernel.named_parameters())
    alone = {"params": own.pop("weight_hh_l0"), "weight_decay": 0.1}
    architecture.parameter_groups = lambda: [alone, {"params": iter(own.values())}]
    optimizer = make_optimizer(Model(architecture, build_task("copy", {})), small())
    assert sorted((group["weight_decay"], len(group["params"])) for group in optimizer.param_groups) == [
        (0, 5),
        (0.1, 1),
    ]


def test_a_frozen_parameter_need_not_be_in_a_group(small):
    architecture = build_architecture("rnn", 10, 8)
    own = dict(architecture.kernel.named_parameters())
    own.pop("weight_hh_l0").requires_grad_(False)
    architecture.parameter_groups = lambda: [{"params": own.values()}]
    trained(small(), architecture)


@pytest.mark.parametrize("task", ["copy", "adding"])
def test_every_precision_trains_on_the_same_data(small, monkeypatch, task):
    seen = {}
    loss = Model.loss
    for precision in ("32", "64", "bf16-mixed"):
        batches = seen.setdefault(precision, [])
        monkeypatch.setattr(Model, "loss", lambda model, batch, to=batches: to.append(batch) or loss(model, batch))
        trained(small(task=task, length=6, precision=precision))
    for precision in ("64", "bf16-mixed"):
        for ours, theirs in zip(seen["32"], seen[precision], strict=True):
            assert torch.equal(ours.inputs, theirs.inputs)
            assert torch.equal(ours.targets, theirs.targets)


def test_backward_and_the_optimizer_are_not_in_mixed_precision(small):
    """As torch advises: what forward computed in float32 would have its gradient in bfloat16."""
    mixed = {}

    class Asks(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            mixed["forward"] = torch.is_autocast_enabled("cpu")
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            mixed["backward"] = torch.is_autocast_enabled("cpu")
            return gradient

    class Observed(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(10, 8, batch_first=True)

        def forward(self, x):
            return Asks.apply(self.rnn(x)[0]) if self.training else self.rnn(x)[0]

    trained(small(steps=1, precision="bf16-mixed"), as_architecture(Observed(), 10, 8))
    assert mixed == {"forward": True, "backward": False}
