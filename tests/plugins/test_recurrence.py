"""The compiled loops of RNN, LSTM and GRU, against torch's own kernels in double precision."""

import copy
import importlib
import warnings
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

compiled = importlib.import_module("harness.plugins._compiled")
fused = importlib.import_module("harness.plugins._fused")
recurrence = importlib.import_module("harness.plugins._recurrence")

pytestmark = pytest.mark.skipif(compiled.library() is None, reason="no C compiler was there at the installation")

KERNELS = {
    "tanh": lambda inputs, size: nn.RNN(inputs, size, batch_first=True),
    "relu": lambda inputs, size: nn.RNN(inputs, size, batch_first=True, nonlinearity="relu"),
    "lstm": lambda inputs, size: nn.LSTM(inputs, size, batch_first=True),
    "gru": lambda inputs, size: nn.GRU(inputs, size, batch_first=True),
}
SIZES = {"a unit": (1, 1), "part of a panel": (3, 10), "a panel": (3, 16), "more than one": (20, 39)}


@pytest.fixture(params=KERNELS)
def make(request):
    def make(inputs=3, size=10):
        torch.manual_seed(0)
        return KERNELS[request.param](inputs, size)

    return make


def states(kernel, rows, draw):
    parts = [draw(rows, kernel.hidden_size) for _ in range(1 + isinstance(kernel, nn.LSTM))]
    return tuple(parts) if len(parts) > 1 else parts[0]


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def of_torch(kernel, x, state, lengths=None):
    """The same with nothing but torch's kernels, each row alone where lengths differ."""
    if lengths is None:
        out, after = kernel(x, None if state is None else _layer_first(state))
        return out, tuple(part[0] for part in parts(after))
    outs, afters = [], []
    for row, length in enumerate(lengths.tolist()):
        own = None if state is None else _rows(state, row)
        out, after = of_torch(kernel, x[row : row + 1, :length], own)
        outs.append(torch.cat([out, out.new_zeros(1, x.shape[1] - length, out.shape[2])], dim=1))
        afters.append(after)
    return torch.cat(outs), tuple(torch.cat(part) for part in zip(*afters, strict=True))


def _layer_first(state):
    return tuple(part.unsqueeze(0) for part in state) if isinstance(state, tuple) else state.unsqueeze(0)


def _rows(state, row):
    return tuple(part[row : row + 1] for part in state) if isinstance(state, tuple) else state[row : row + 1]


def outcome(run, kernel, x, state, weigh_state=True):
    """Values, and gradients of everything, of a sum that weighs every output and the last state."""
    kernel.zero_grad()
    x = x.clone().requires_grad_()
    state = None if state is None else tuple(part.clone().requires_grad_() for part in parts(state))
    given = state if state is None or len(state) > 1 else state[0]
    out, after = run(kernel, x, given)
    values = [out, *(parts(after) if weigh_state else ())]
    weights = torch.Generator().manual_seed(2)
    sum((v * torch.randn(v.shape, generator=weights, dtype=torch.double).to(v.dtype)).sum() for v in values).backward()
    gradients = [x.grad, *(part.grad for part in state or ()), *(p.grad.clone() for p in kernel.parameters())]
    return [v.detach() for v in values] + gradients


def ours(lengths=None):
    def run(kernel, x, state):
        assert recurrence.fits(kernel, x, state)
        return fused.run_fused(kernel, x, state, lengths)

    return run


def assert_as_exact_as_torch(run, kernel, x, state, lengths=None, **how):
    """To the rounding of single precision, as the double precision of torch's kernels shows it."""
    exact = copy.deepcopy(kernel).double()
    wide = None if state is None else tuple(part.double() for part in parts(state))
    truth = outcome(lambda k, x, s: of_torch(k, x, s, lengths), exact, x.double(), wide, **how)
    for mine, true in zip(outcome(run, kernel, x, state, **how), truth, strict=True):
        torch.testing.assert_close(mine.double(), true, rtol=1e-5, atol=1e-6 * float(true.abs().max() + 1))


@pytest.mark.parametrize("rows", [1, 3, 4, 13, 70], ids="{} rows".format)
@pytest.mark.parametrize(("inputs", "size"), SIZES.values(), ids=SIZES)
def test_values_and_gradients_are_those_of_torchs_kernel(make, inputs, size, rows):
    kernel, draw = make(inputs, size), torch.Generator().manual_seed(1)
    x = torch.randn(rows, 7, inputs, generator=draw)
    assert_as_exact_as_torch(ours(), kernel, x, states(kernel, rows, lambda *s: torch.randn(s, generator=draw)))


@pytest.mark.parametrize("steps", [1, 2, 65, 200])
def test_any_number_of_steps_from_no_state_is_right(make, steps):
    kernel = make()
    x = torch.randn(2, steps, 3, generator=torch.Generator().manual_seed(1))
    assert_as_exact_as_torch(ours(), kernel, x, None)


def test_without_a_gradient_upon_the_state_the_rest_is_the_same(make):
    kernel = make()
    x = torch.randn(5, 9, 3, generator=torch.Generator().manual_seed(1))
    assert_as_exact_as_torch(ours(), kernel, x, None, weigh_state=False)


def test_a_gradient_upon_the_last_state_alone_goes_back_through_all_steps(make):
    kernel, x = make(), torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1))
    last = [parts(run(kernel, x, None)[1])[-1] for run in (ours(), of_torch)]  # of an LSTM the cell state
    mine, theirs = (torch.autograd.grad(one.sum(), list(kernel.parameters())) for one in last)
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_rows_of_unlike_length_end_where_they_end(make):
    lengths = torch.tensor([6, 1, 4, 3, 6])
    kernel, draw = make(), torch.Generator().manual_seed(1)
    x = torch.randn(5, 6, 3, generator=draw)
    state = states(kernel, 5, lambda *s: torch.randn(s, generator=draw))
    assert_as_exact_as_torch(ours(lengths), kernel, x, state, lengths)


def test_a_row_is_the_same_bit_for_bit_whatever_is_beside_it(make):
    kernel, x = make(), torch.randn(7, 20, 3)
    together, _ = fused.run_fused(kernel, x, None, None)
    for row in range(7):
        alone, _ = fused.run_fused(kernel, x[row : row + 1], None, None)
        assert torch.equal(together[row : row + 1], alone)


def test_evaluating_gives_the_bits_of_training(make):
    kernel, x = make(), torch.randn(7, 20, 3)
    trained = fused.run_fused(kernel, x, None, None)
    with torch.no_grad():
        evaluated = fused.run_fused(kernel, x, None, None)
    assert torch.equal(trained[0], evaluated[0])
    assert all(torch.equal(a, b) for a, b in zip(parts(trained[1]), parts(evaluated[1]), strict=True))


def copied(kernel, x, state):
    out, after = of_torch(kernel, x, state)
    return out.clone(), tuple(part.clone() for part in after)


def test_outputs_may_be_changed_in_place(make):
    def doubled(run):
        def changed(kernel, x, state):
            out, after = run(kernel, x, state)
            out *= 2
            for part in parts(after):
                part *= 3
            return out, after

        return changed

    kernel, x = make(), torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(1))
    mine = outcome(doubled(ours()), kernel, x, None)
    theirs = outcome(doubled(copied), kernel, x, None)
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_the_state_that_is_handed_in_is_left_alone(make):
    kernel = make()
    state = states(kernel, 4, torch.ones)
    fused.run_fused(kernel, torch.randn(4, 5, 3), state, None)
    assert all(torch.equal(part, torch.ones(4, 10)) for part in parts(state))


def test_a_frozen_matrix_and_inputs_without_gradient_are_no_trouble(make):
    kernel = make()
    kernel.weight_hh_l0.requires_grad_(False)
    fused.run_fused(kernel, torch.randn(5, 7, 3), None, None)[0].sum().backward()
    assert kernel.weight_hh_l0.grad is None
    assert kernel.weight_ih_l0.grad.abs().sum() > 0


def test_backward_can_be_asked_for_again(make):
    kernel, x = make(), torch.randn(5, 7, 3)
    total = fused.run_fused(kernel, x, None, None)[0].sum()
    first, again = (torch.autograd.grad(total, list(kernel.parameters()), retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_what_is_not_a_number_is_not_hidden_and_stays_in_its_row(make):
    kernel, x = make(), torch.zeros(5, 7, 3)
    x[2, 3, 0] = float("nan")
    mine, theirs = fused.run_fused(kernel, x, None, None)[0], of_torch(kernel, x, None)[0]
    assert mine.isnan().any()
    assert torch.equal(mine.isnan(), theirs.isnan())


def test_gates_far_from_zero_are_shut_and_open_as_torchs(make):
    kernel, x = make(), 1000 * torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(1))
    mine, theirs = fused.run_fused(kernel, x, None, None)[0], of_torch(kernel, x, None)[0]
    largest = float(theirs.detach().abs().max())  # hundreds for relu, whose sums are rounded in another order
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6 * largest)


def test_inputs_that_are_not_contiguous_are_read_right(make):
    kernel, x = make(), torch.randn(3, 7, 5).transpose(0, 2)
    torch.testing.assert_close(fused.run_fused(kernel, x, None, None)[0], of_torch(kernel, x.contiguous(), None)[0])


@pytest.fixture
def taken(monkeypatch):
    """Which runs took the compiled way."""
    runs = []
    monkeypatch.setattr(fused, "recur", lambda kernel, *rest: runs.append(kernel) or recurrence.recur(kernel, *rest))
    return runs


def test_on_one_thread_of_a_cpu_the_loops_compute(taken, make):
    fused.run_fused(make(), torch.ones(2, 4, 3), None, None)
    assert len(taken) == 1


def test_mixed_precision_is_left_to_torch(taken, make):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused.run_fused(make(), torch.ones(2, 4, 3), None, None)
    assert taken == []


def test_mixed_precision_trains_on_a_cpu_whose_lstm_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(fused, "_lacks_bfloat16", lambda x: True)
    kernel, x = nn.LSTM(3, 5, batch_first=True), torch.randn(2, 4, 3)
    for lengths in (None, torch.tensor([4, 2])):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out, (h, c) = fused.run_fused(kernel, x, None, lengths)
        exact, (h_exact, c_exact) = fused.run_fused(kernel, x, None, lengths)
        torch.testing.assert_close((out, h, c), (exact, h_exact, c_exact))


def test_double_precision_is_left_to_torch(taken, make):
    fused.run_fused(make().double(), torch.ones(2, 4, 3).double(), None, None)
    assert taken == []


def test_several_threads_are_left_to_torch(monkeypatch, taken, make):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    fused.run_fused(make(), torch.ones(2, 4, 3), None, None)
    assert taken == []


def test_whoever_switches_fused_kernels_off_gets_none(taken, make):
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):  # it warns of GPUs
        fused.run_fused(make(), torch.ones(2, 4, 3), None, None)
    assert taken == []


UNLIKE = {
    "two layers": lambda: nn.LSTM(3, 8, num_layers=2, batch_first=True),
    "both directions": lambda: nn.GRU(3, 8, bidirectional=True, batch_first=True),
    "no bias": lambda: nn.RNN(3, 8, bias=False, batch_first=True),
    "parametrized": lambda: nn.utils.parametrizations.orthogonal(nn.GRU(3, 8, batch_first=True), "weight_hh_l0"),
    "pruned": lambda: prune.l1_unstructured(nn.GRU(3, 8, batch_first=True), "weight_hh_l0", 0.5),
}


@pytest.mark.parametrize("unlike", UNLIKE.values(), ids=UNLIKE)
def test_a_kernel_that_is_no_plain_layer_computes_by_itself(taken, unlike):
    kernel, x = unlike(), torch.randn(2, 4, 3)
    for _ in range(2):
        fused.run_fused(kernel, x, None, None)[0].sum().backward()
    assert taken == []


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 4, 1), (4, 3)], ids=str)
def test_inputs_of_a_wrong_shape_are_refused_by_torch(taken, make, shape):
    with pytest.raises((RuntimeError, ValueError)):
        fused.run_fused(make(), torch.ones(shape), states(make(), 2, torch.ones), None)
    assert taken == []


@pytest.mark.parametrize("shape", [(2, 9), (1, 10), (3, 10)], ids=str)
def test_a_state_of_a_wrong_shape_is_refused_by_torch(taken, make, shape):
    state = torch.ones(shape)
    with pytest.raises(RuntimeError):
        fused.run_fused(make(), torch.ones(2, 4, 3), (state, state) if isinstance(make(), nn.LSTM) else state, None)
    assert taken == []


def test_a_batch_of_no_rows_is_left_to_torch(taken, make):
    with suppress(RuntimeError):  # as torch's own kernels have it
        fused.run_fused(make(), torch.ones(0, 4, 3), None, None)
    assert taken == []


def test_a_library_that_cannot_be_read_is_told_of_and_not_used(monkeypatch, tmp_path):
    (tmp_path / f"_kernels{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "_compiled.py"))
    with pytest.warns(RuntimeWarning, match="Install the harness again"):
        assert compiled.library.__wrapped__() is None


def test_a_library_of_another_version_is_told_of_and_not_used(monkeypatch):
    monkeypatch.setattr(compiled, "_VERSION", -1)
    with pytest.warns(RuntimeWarning, match="of another version"):
        assert compiled.library.__wrapped__() is None


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 2])], ids=["alike", "unlike"])
def test_without_a_compiler_torchs_kernels_give_the_same(monkeypatch, taken, make, lengths):
    kernel, x = make(), torch.randn(2, 4, 3)
    mine = fused.run_fused(kernel, x, None, lengths)
    monkeypatch.setattr(compiled, "library", lambda: None)
    theirs = fused.run_fused(kernel, x, None, lengths)
    assert len(taken) == 1
    torch.testing.assert_close(mine, theirs)
