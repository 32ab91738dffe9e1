"""Compiled loops against the plain one: values, states and gradients, of cells as third parties write them."""

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

from harness import CellArchitecture
from harness.discovery.compose import build_architecture
from harness.training.loops.cells import CompiledLoop, compile_cells
from tests.training.loops.cells import THIRD_PARTY, HandLSTM, Leaky, Nested

STEPS, ROWS, INPUTS, UNITS = 9, 5, 3, 20
BUILT_IN = [("peephole", {}), ("peephole", {"peephole.coupled": True}), ("mgu", {})]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def compiled(cell):
    """The cell's loop, which must not fall back."""
    loop = CompiledLoop(cell)
    loop(torch.randn(ROWS, 2, INPUTS), cell.initial_state(torch.randn(ROWS, 2, INPUTS)), None)
    assert loop.why == ""
    return loop


def results(cell, loop, x, state, lengths=None):
    """Outputs where they count, states, and the gradients upon parameters, inputs and states."""
    state = pytree.tree_map(lambda part: part.detach().clone().requires_grad_(), state)
    out, after = loop(x, state, lengths)
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(out.shape, generator=generator)
    if lengths is not None:
        weight = weight * (torch.arange(out.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)
    parts = pytree.tree_flatten(after)[0]
    total = (out * weight).sum() + sum(part.square().sum() for part in parts)
    inputs = [x, *pytree.tree_flatten(state)[0], *cell.parameters()]
    grads = torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
    return [out * (weight != 0), *parts, *grads]


def assert_equal(found, wanted, bound=1e-5):
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        scale = max(float(other.detach().abs().max()), 0.05)  # what cancels is compared with what did
        assert float((one - other).detach().abs().max()) <= bound * scale


def check(cell):
    loop = compiled(cell)
    x = torch.randn(ROWS, STEPS, INPUTS, requires_grad=True)
    start = cell.initial_state(x)
    _, carried = cell.unroll(torch.randn(ROWS, 3, INPUTS), start, None)
    for state in (start, carried):
        for lengths in (None, torch.tensor([9, 3, 1, 5, 9])):
            wanted = results(cell, cell.unroll, x, state, lengths)
            assert_equal(results(cell, loop, x, state, lengths), wanted)
    assert loop.why == ""


@pytest.mark.parametrize("kind", THIRD_PARTY, ids=lambda kind: kind.__name__)
def test_values_and_gradients_are_those_of_the_plain_loop(kind):
    check(kind(INPUTS, UNITS))


@pytest.mark.parametrize(("name", "options"), BUILT_IN)
def test_built_in_cells_are_compiled_too(name, options):
    check(build_architecture(name, INPUTS, UNITS, options, None))


@pytest.mark.parametrize("rows", [1, 4, 7, 64])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_loop_takes_any_number_of_rows_and_steps(rows, steps):
    cell = HandLSTM(INPUTS, UNITS)
    loop = compiled(cell)
    x = torch.randn(rows, steps, INPUTS, requires_grad=True)
    state = cell.initial_state(x)
    assert_equal(results(cell, loop, x, state), results(cell, cell.unroll, x, state))
    assert len(loop.made) == 2  # for inputs with and without a gradient


@pytest.mark.parametrize("size", [1, 16, 33])
def test_a_loop_takes_any_number_of_units(size):
    check(HandLSTM(INPUTS, size))


def test_without_gradients_the_loop_made_for_training_is_used():
    cell = Leaky(INPUTS, UNITS)
    loop, x = compiled(cell), torch.randn(ROWS, STEPS, INPUTS)
    with torch.no_grad():
        out, _ = loop(x, cell.initial_state(x), None)
    assert len(loop.made) == 1
    assert_equal([out], [cell.unroll(x, cell.initial_state(x), None)[0]])


def test_changed_parameters_and_buffers_are_seen_at_the_next_call():
    cell = Nested(INPUTS, UNITS)
    loop, x = compiled(cell), torch.randn(ROWS, STEPS, INPUTS)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1)
        cell.mask.zero_()
    assert_equal([loop(x, cell.initial_state(x), None)[0]], [cell.unroll(x, cell.initial_state(x), None)[0]])


def test_a_changed_attribute_is_seen_at_the_next_call():
    class Scaled(Leaky):
        scale = 1.0

        def step(self, x, state):
            return super().step(self.scale * x, state)

    cell = Scaled(INPUTS, UNITS)
    loop, x = compiled(cell), torch.randn(ROWS, STEPS, INPUTS)
    cell.scale = 2.0
    assert_equal([loop(x, cell.initial_state(x), None)[0]], [cell.unroll(x, cell.initial_state(x), None)[0]])
    assert loop.why == ""


def test_parameters_that_are_not_trained_get_no_gradient():
    cell = HandLSTM(INPUTS, UNITS)
    cell.enter.requires_grad_(False)
    loop, x = compiled(cell), torch.randn(ROWS, STEPS, INPUTS)
    loop(x, cell.initial_state(x), None)[0].sum().backward()
    assert cell.enter.weight.grad is None
    assert cell.recur.weight.grad is not None


def test_a_diverged_cell_gives_nan_and_no_error():
    cell = Leaky(INPUTS, UNITS)
    loop, x = compiled(cell), torch.full((ROWS, STEPS, INPUTS), float("nan"))
    assert loop(x, cell.initial_state(x), None)[0].isnan().all()


def test_cells_inside_wrappers_are_compiled():
    model = build_architecture("deep:bidirectional:mgu", INPUTS, UNITS, {"deep.depth": 2}, None)
    x = torch.randn(ROWS, STEPS, INPUTS)
    wanted = model(x)[0]
    loops = compile_cells(model)
    assert_equal([model(x)[0]], [wanted])
    assert len(loops) == 4
    assert all(loop.kernel.startswith("generated loop (") for loop in loops)


# what cannot be compiled


class Refused(CellArchitecture):
    def __init__(self, input_size=INPUTS, hidden_size=UNITS):
        super().__init__(input_size, hidden_size)
        self.enter = nn.Linear(input_size, hidden_size)
        self.dropout = nn.Dropout(0.5)
        self.seen = 0
        self.outside = torch.ones(hidden_size)

    def step(self, x, state):
        state = self.change(state) + self.enter(x)
        return state, state


def branches(self, state):
    return state if state.sum() > 0 else -state


def draws(self, state):
    return self.dropout(state)


def adds_in_place(self, state):
    return state.mul_(0.5)


def sorts(self, state):
    return state.sort(dim=1).values


def counts(self, state):
    self.seen += 1
    return state * self.seen


def reads_outside(self, state):
    return state * self.outside


def mixes(self, state):
    return state - state.mean(dim=0)


def divides_by_rows(self, state):
    return state / state.shape[0]


def doubles(self, state):
    return state.double().sin().float()


def fails(self, state):
    raise RuntimeError("a fault of its own")


REASONS = {
    branches: "its Python code depends on the numbers in a tensor",
    draws: "it draws random numbers (bernoulli)",
    adds_in_place: "it changes what it is given in place",
    sorts: "the operation sort is not known",
    counts: "it sets self.seen",
    reads_outside: "neither an argument, a parameter nor a buffer",
    mixes: "it mixes the sequences of a batch",
    divides_by_rows: "it computes with the size of the batch",
    doubles: "it computes in float64",
}


@pytest.mark.parametrize("change", REASONS, ids=lambda change: change.__name__)
def test_what_cannot_be_compiled_is_unrolled_and_says_why(change):
    cell = type("Cell", (Refused,), {"change": change})()
    x = torch.randn(ROWS, STEPS, INPUTS)
    torch.manual_seed(1)
    wanted = cell.unroll(x, cell.initial_state(x), None)[0]
    cell.seen = 0
    loop = CompiledLoop(cell)
    torch.manual_seed(1)
    found = loop(x, cell.initial_state(x), None)[0]
    assert REASONS[change] in loop.why
    assert loop.kernel == f"torch, step by step ({loop.why})"
    assert torch.equal(found, wanted)


def test_a_fault_of_the_step_is_raised_as_by_the_plain_loop():
    cell = type("Cell", (Refused,), {"change": fails})()
    x = torch.randn(ROWS, STEPS, INPUTS)
    with pytest.raises(RuntimeError, match="a fault of its own"):
        CompiledLoop(cell)(x, cell.initial_state(x), None)


def test_double_precision_is_unrolled():
    cell = Leaky(INPUTS, UNITS).double()
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.float64)
    loop = CompiledLoop(cell)
    assert torch.equal(loop(x, cell.initial_state(x), None)[0], cell.unroll(x, cell.initial_state(x), None)[0])
    assert loop.why == "its state holds float64, and only float32 tensors can be carried"


def test_a_loop_made_for_single_precision_is_not_given_double():
    cell = Leaky(INPUTS, UNITS)
    loop = compiled(cell)
    cell.double()
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.float64)
    assert torch.equal(loop(x, cell.initial_state(x), None)[0], cell.unroll(x, cell.initial_state(x), None)[0])


def test_a_loop_that_gives_other_numbers_is_not_used(monkeypatch):
    cell = Leaky(INPUTS, UNITS)
    x = torch.randn(ROWS, STEPS, INPUTS)
    loop = CompiledLoop(cell)
    right = loop._values
    calls = iter([0.0, 1.0])
    monkeypatch.setattr(loop, "_values", lambda *results: [part + next(calls, 1.0) for part in right(*results)][:1])
    loop(x, cell.initial_state(x), None)
    assert loop.why == "the compiled loop gives other numbers"
