import pytest
import torch
from torch import nn

from harness.discovery import registry
from harness.discovery.compose import build_architecture
from harness.errors import PluginError, UsageError
from harness.record import CLOSE
from harness.training.build import build_task
from harness.training.model import Model, count_parameters, state_size
from harness.training.sizing import count_state, match


def model(name):
    task = build_task("copy", {})
    return lambda size: Model(build_architecture(name, task.inputs.size, size), task)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "deep:gru", "bidirectional:lstm", "deep:bidirectional:rnn"])
def test_the_nearest_size_is_found_on_the_really_built_model(name):
    found = match(model(name), 50_000)
    counts = {size: count_parameters(model(name)(size)) for size in range(found.hidden_size - 1, found.hidden_size + 2)}
    assert counts[found.hidden_size] == found.reached
    assert min(counts.values(), key=lambda count: abs(count - 50_000)) == found.reached
    assert abs(found.reached - 50_000) / 50_000 < CLOSE


def test_a_budget_below_the_smallest_model_gives_the_smallest():
    found = match(model("lstm"), 1)
    assert found.hidden_size == 1
    assert found.reached > 1


def test_a_constructor_that_needs_values_is_built_on_the_cpu():
    class Orthogonal(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.map = nn.Linear(size, size)
            assert torch.linalg.matrix_norm(self.map.weight).item() > 0  # has no value on the meta device

    assert match(Orthogonal, 110).hidden_size == 10


def test_a_constructor_that_needs_an_array_is_built_on_the_cpu():
    class Drawn(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.map = nn.Linear(size, size)
            assert abs(self.map.weight.detach().numpy()).max() > 0  # a TypeError on the meta device

    assert match(Drawn, 110).hidden_size == 10


def test_a_size_that_sizes_nothing_is_told():
    with pytest.raises(UsageError, match="does it size the model"):
        match(lambda size: nn.Linear(2, 2), 1000)


def test_matching_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    match(model("gru"), 5000)
    assert torch.equal(before, torch.get_rng_state())


def test_a_constructor_that_fails_is_one_line_with_its_place(tmp_path):
    path = tmp_path / "cell.py"
    path.write_text("def make(input_size, hidden_size):\n    raise TypeError('no weights')\n")
    make = registry.find("architecture", f"{path}:make").load()
    with pytest.raises(
        PluginError, match=r"^A model of hidden_size 1 cannot be made: TypeError: no weights \(cell.py:2\)$"
    ):
        match(lambda size: make(1, size), 1000)


@pytest.mark.parametrize("name", ["gru", "lstm", "mlstm", "mamba", "deep:linear_attention"])
def test_the_size_is_found_whose_state_comes_nearest(name):
    found = match(model(name), 2000, count_state, "numbers of state")
    task = build_task("copy", {})

    def carried(size):
        architecture = build_architecture(name, task.inputs.size, size)
        return state_size(architecture(torch.zeros(1, 3, task.inputs.size))[1])

    sizes = range(max(1, found.hidden_size - 2), found.hidden_size + 3)
    assert carried(found.hidden_size) == found.reached
    assert min(abs(carried(size) - 2000) for size in sizes) == abs(found.reached - 2000)


@pytest.mark.parametrize("name", ["transformer", "bidirectional:gru"])
def test_an_architecture_without_a_state_cannot_be_matched_by_it(name):
    with pytest.raises(UsageError, match=r"matched by the state, since .* carries none: leave it out, or match params"):
        match(model(name), 2000, count_state, "numbers of state")


class Divisible(nn.Module):
    """Eight modules of one size, as a clockwork RNN has them."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        if hidden_size % 8:
            raise ValueError(f"hidden_size ({hidden_size}) must be divisible by 8")
        self.cells = nn.ModuleList([nn.Linear(input_size, hidden_size // 8) for _ in range(8)])


def test_a_size_that_must_be_divisible_is_searched_in_steps_that_the_constructor_accepts():
    found = match(lambda size: Divisible(9, size), 1000)
    assert found.hidden_size in (96, 104)
    assert abs(found.reached - 1000) <= 40
