"""What inspection measures, against recurrences whose answers are known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from harness.architecture import CellArchitecture
from harness.discovery.compose import build_architecture
from harness.inspection.decoding import decoded_by_step
from harness.inspection.gradients import gradient_by_lag, last_scored
from harness.inspection.states import spaced_lags, state_by_lag
from harness.inspection.units import followers, slowest_first, time_scales
from harness.inspection_record import GradientByLag
from harness.task import Batch, Classes, Task, Tokens, Vectors
from harness.training.build import build_task
from harness.training.model import Model


class Linear(CellArchitecture):
    """h' = A h + x, with a given matrix A."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__(len(matrix), len(matrix))
        self.matrix = nn.Parameter(matrix)

    def step(self, x, state):
        state = state @ self.matrix.T + x
        return state, state


class Sum(Task):
    """The last state itself is asked for, so that the loss's gradient upon it is the same for every matrix."""

    readout = "last"

    def __init__(self, size: int):
        self.inputs = self.targets = Vectors(size)

    def sample(self, generator, batch_size, length):
        x = torch.randn(batch_size, length, self.inputs.size, generator=generator)
        return Batch(x, torch.zeros(batch_size, 1, self.inputs.size), torch.ones(batch_size, 1, dtype=torch.bool))

    def chance(self, length):
        return 0.0


def model_of(matrix: Tensor) -> Model:
    model = Model(Linear(matrix.double()), Sum(len(matrix))).double()
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(len(matrix)))
        model.head.bias.copy_(torch.ones(len(matrix)) * 100)  # the gradient upon the state hardly depends on it
    return model


def batch_of(model: Model, length: int, rows: int = 3) -> Batch:
    return Sum(model.architecture.input_size).sample(torch.Generator().manual_seed(0), rows, length)


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(1)).double())[0]


@pytest.mark.parametrize("a", [0.5, 0.9, 1.0, 1.1])
def test_a_linear_recurrence_has_the_gradient_a_to_the_power_of_the_lag(a):
    model = model_of(torch.tensor([[a]]))
    found = gradient_by_lag(model, batch_of(model, 20))
    assert found.lags == list(range(20))
    assert [norm / found.norms[0] for norm in found.norms] == pytest.approx([a**k for k in range(20)], rel=1e-6)
    assert found.gain == pytest.approx(a, rel=1e-6)


@pytest.mark.parametrize("a", [0.5, 0.9, 1.1])
def test_a_linear_recurrence_has_the_exponent_ln_a_and_the_singular_value_a_to_the_power_of_the_lag(a):
    model = model_of(torch.tensor([[a]]))
    found = state_by_lag(model, batch_of(model, 20).inputs)
    assert found.exponents == pytest.approx([math.log(a)], abs=1e-6)
    assert [values[0] for values in found.singular] == pytest.approx([a**k for k in found.lags], rel=1e-6)
    assert found.norms == pytest.approx([a**k for k in found.lags], rel=1e-6)
    assert found.regime == ("vanishing" if a < 1 else "growing")


def test_an_orthogonal_recurrence_keeps_norm_one_and_is_at_the_edge():
    model = model_of(orthogonal(6))
    found = state_by_lag(model, batch_of(model, 30).inputs)
    assert found.norms == pytest.approx([1.0] * len(found.lags), abs=1e-6)
    assert found.exponents == pytest.approx([0.0] * 4, abs=1e-6)
    assert found.regime == "at the edge"
    by_lag = gradient_by_lag(model, batch_of(model, 30))
    assert [norm / by_lag.norms[0] for norm in by_lag.norms] == pytest.approx([1.0] * 30, rel=1e-6)


def test_a_saturated_lstm_cell_keeps_its_cell_state_exactly():
    """f = 1 and i = o = 0 by their biases: d c(T) / d c(T-k) = 1 for every unit, and nothing flows through h."""
    task = build_task("first_token", {})
    model = Model(build_architecture("lstm", task.inputs.size, 4), task).double()
    kernel = dict(model.architecture.named_parameters())
    with torch.no_grad():
        for name, parameter in kernel.items():
            parameter.zero_()
            if name.endswith("bias_ih_l0"):
                parameter[0:4], parameter[4:8], parameter[12:16] = -1000.0, 1000.0, -1000.0
    found = state_by_lag(model, task.sample(torch.Generator().manual_seed(0), 1, 20).inputs)
    cells = [sorted(values, reverse=True)[:4] for values in found.singular]
    assert cells == [pytest.approx([1.0] * 4, abs=1e-6)] * len(cells)
    assert found.exponents == pytest.approx([0.0] * 4, abs=1e-6)


@pytest.mark.parametrize(
    "name", ["rnn", "lstm", "gru", "peephole", "lru", "deep:gru", "bidirectional:rnn", "transformer"]
)
def test_the_gradient_by_lag_is_that_of_finite_differences(name):
    task = build_task("first_token", {})
    torch.manual_seed(0)
    model = Model(build_architecture(name, task.inputs.size, 5, max_length=32), task).double().eval()
    batch = task.sample(torch.Generator().manual_seed(0), 1, 6)
    found = gradient_by_lag(model, batch)
    x = model.embed(batch.inputs).double()

    def loss(at):
        return model.losses(model.answer(at)[0], batch.targets).sum()

    steps, width, h = x.shape[1], x.shape[2], 1e-5
    for lag, norm in zip(found.lags, found.norms, strict=True):
        step = steps - 1 - lag
        moved = [torch.zeros_like(x) for _ in range(width)]
        for unit in range(width):
            moved[unit][0, step, unit] = h
        slopes = [(loss(x + m) - loss(x - m)).item() / (2 * h) for m in moved]
        assert norm == pytest.approx(math.sqrt(sum(slope**2 for slope in slopes)), rel=1e-3, abs=1e-9)


def test_a_bidirectional_model_has_gradients_of_inputs_after_the_scored_step_too():
    task = build_task("copy", {"symbols": 2})
    torch.manual_seed(0)
    model = Model(build_architecture("bidirectional:rnn", task.inputs.size, 5), task)
    batch = task.sample(torch.Generator().manual_seed(0), 4, 5)
    first = batch._replace(mask=batch.mask & (batch.mask.cumsum(dim=1) == 1))
    lags = gradient_by_lag(model, first).lags
    assert min(lags) == -1
    assert max(lags) > 5


def test_the_last_scored_step_of_each_row_is_that_of_its_mask_or_its_length():
    mask = torch.tensor([[False, True, True, False], [True, False, False, False]])
    batch = Batch(torch.zeros(2, 4), torch.zeros(2, 4), mask, torch.tensor([4, 2]))
    assert last_scored(batch, "each").tolist() == [2, 0]
    assert last_scored(batch, "last").tolist() == [3, 1]


def test_a_gradient_reaches_as_far_as_one_percent_of_it_is_left():
    assert GradientByLag([0, 1, 2, 3], [1.0, 0.1, 0.02, 0.001]).reach == 2
    assert GradientByLag([0, 1, 2], [1.0, 0.001, 0.5]).reach == 2
    assert GradientByLag([0, 1, 2], [1.0, 0.001, 0.005]).reach == 0
    assert GradientByLag([0, 1, 2], [0.0, 0.0, 0.0]).reach == 0


# Probes


def test_a_probe_on_random_labels_is_at_chance():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(400, 3, 8, generator=generator)
    labels = torch.randint(4, (400, 3), generator=generator)
    found = decoded_by_step(states, labels)
    assert found.steps == [0, 1, 2]
    for low, chance, high in zip(found.low, found.chances, found.high, strict=True):
        assert low <= chance + 0.05
        assert high <= 0.45


def test_a_copy_of_the_input_is_decoded_perfectly_and_only_where_it_is_held():
    labels = torch.randint(4, (400, 1), generator=torch.Generator().manual_seed(0)).expand(400, 3)
    states = torch.nn.functional.one_hot(labels, 4).float()
    states[:, 2] = 0.0
    found = decoded_by_step(states, labels)
    assert found.accuracies[:2] == [1.0, 1.0]
    assert found.accuracies[2] <= found.chances[2] + 1e-9


def test_steps_at_which_nothing_is_asked_are_left_out():
    labels = torch.full((100, 4), -1)
    labels[:, 2] = torch.arange(100) % 2
    states = torch.randn(100, 4, 3)
    assert decoded_by_step(states, labels).steps == [2]
    assert decoded_by_step(states, torch.full((100, 4), -1)).steps == []


def test_several_items_are_averaged():
    items = torch.randint(2, (200, 1, 2), generator=torch.Generator().manual_seed(0))
    states = items[:, :, :1].float().expand(200, 1, 3)
    (accuracy,) = decoded_by_step(states, items).accuracies
    assert 0.65 < accuracy < 0.85  # one item is known, the other is guessed


# Units


def test_the_unit_that_follows_a_feature_is_found_and_judged_on_other_sequences():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(20, 10, 4, generator=generator)
    feature = 3 * states[:, :, 2] + 1
    valid = torch.ones(20, 10, dtype=torch.bool)
    noise = torch.randn(20, 10, generator=generator)
    found = followers(
        states, {"depth": feature, "noise": noise}, valid, states[0], {"depth": feature[0], "noise": noise[0]}
    )
    assert (found[0].feature, found[0].unit) == ("depth", 2)
    assert found[0].correlation == pytest.approx(1.0, abs=1e-6)
    assert abs(found[1].correlation) < 0.4
    assert found[0].trace == pytest.approx(states[0, :, 2].tolist())


def test_a_feature_that_never_changes_has_no_follower():
    states = torch.randn(4, 5, 2)
    valid = torch.ones(4, 5, dtype=torch.bool)
    assert followers(states, {"flat": torch.zeros(4, 5)}, valid, states[0], {"flat": torch.zeros(5)}) == []


def test_a_forget_gate_of_one_half_keeps_for_one_over_ln_two_steps():
    assert time_scales(torch.full((2, 3, 1), 0.5)) == pytest.approx([1 / math.log(2)])


def test_units_are_ordered_by_how_slowly_they_change():
    slow = torch.linspace(0, 1, 50)
    fast = torch.tensor([1.0, -1.0] * 25)
    assert slowest_first(torch.stack([fast, slow], dim=-1).unsqueeze(0)) == [1, 0]


def test_few_lags_are_all_taken_and_many_are_spaced():
    assert spaced_lags(5) == [0, 1, 2, 3, 4, 5]
    lags = spaced_lags(1000)
    assert (lags[0], lags[-1]) == (0, 1000)
    assert len(lags) <= 24


def test_a_model_without_a_state_is_refused():
    task = build_task("first_token", {})
    model = Model(build_architecture("transformer", task.inputs.size, 8, max_length=16), task)
    with pytest.raises(ValueError, match="carries no state"):
        state_by_lag(model, task.sample(torch.Generator().manual_seed(0), 1, 5).inputs)


def test_tokens_and_classes_give_losses_of_single_answers():
    class Both(Task):
        inputs, targets = Tokens(3), Classes(2, entries=2)

        def sample(self, generator, batch_size, length):
            raise NotImplementedError

        def chance(self, length):
            return 0.5

    model = Model(build_architecture("rnn", 3, 4), Both())
    answer, _ = model(torch.zeros(2, 5, dtype=torch.int64))
    targets = torch.ones(2, 5, 2, dtype=torch.int64)
    assert model.losses(answer, targets).shape == (2, 5)
    mask = torch.ones(2, 5, dtype=torch.bool)
    whole = model.loss_from(answer, Batch(torch.zeros(2, 5), targets, mask))
    assert model.losses(answer, targets).mean().item() == pytest.approx(whole.item(), rel=1e-6)
