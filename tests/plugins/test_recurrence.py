"""The written-out gradient of RNN and GRU, against torch's own kernels."""

import importlib

import pytest
import torch
from torch import nn

recurrence = importlib.import_module("harness.plugins._recurrence")
fused = importlib.import_module("harness.plugins._fused")

KERNELS = {
    "tanh": lambda: nn.RNN(3, 8, batch_first=True),
    "relu": lambda: nn.RNN(3, 8, batch_first=True, nonlinearity="relu"),
    "gru": lambda: nn.GRU(3, 8, batch_first=True),
}


@pytest.fixture(params=KERNELS)
def kernel(request):
    torch.manual_seed(0)
    return KERNELS[request.param]().double()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(*shape, generator=generator).double() for shape in ((5, 7, 3), (1, 5, 8), (5, 7, 8), (1, 5, 8))]


def outcome(run, kernel, data, with_state):
    """Values, and the gradients of everything, of a sum that weighs every output and the last state."""
    x, start, of_out, of_last = data
    x, start = x.clone().requires_grad_(), start.clone().requires_grad_()
    kernel.zero_grad()
    out, last = run(x, start if with_state else None)
    ((out * of_out).sum() + (last * of_last).sum()).backward()
    gradients = [x.grad, *([start.grad] if with_state else []), *(p.grad.clone() for p in kernel.parameters())]
    return [out.detach(), last.detach(), *gradients]


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("with_state", [False, True])
def test_values_and_gradients_are_those_of_torchs_kernel(kernel, data, with_state, steps):
    data = [data[0][:, :steps], data[1], data[2][:, :steps], data[3]]
    ours = outcome(lambda x, start: recurrence.recur(kernel, x, start), kernel, data, with_state)
    theirs = outcome(kernel, kernel, data, with_state)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_float32_differs_by_rounding_only(kernel, data):
    kernel, data = kernel.float(), [part.float() for part in data]
    ours = outcome(lambda x, start: recurrence.recur(kernel, x, start), kernel, data, True)
    torch.testing.assert_close(ours, outcome(kernel, kernel, data, True), rtol=1e-4, atol=1e-5)


def test_a_frozen_matrix_and_inputs_without_gradient_are_no_trouble(kernel, data):
    kernel.weight_hh_l0.requires_grad_(False)
    out, _ = recurrence.recur(kernel, data[0], None)
    out.sum().backward()
    assert kernel.weight_hh_l0.grad is None
    assert kernel.weight_ih_l0.grad.abs().sum() > 0


def test_outputs_may_be_changed_in_place(kernel, data):
    def changed(run):
        def doubled(x, start):
            out, last = run(x, start)
            out *= 2
            return out, last

        return doubled

    ours = outcome(changed(lambda x, start: recurrence.recur(kernel, x, start)), kernel, data, True)
    torch.testing.assert_close(ours, outcome(changed(kernel), kernel, data, True), rtol=1e-10, atol=1e-12)


@pytest.fixture
def taken(monkeypatch):
    """Which runs took the written-out way."""
    runs, recur = [], recurrence.recur
    monkeypatch.setattr(recurrence, "recur", lambda kernel, *rest: runs.append(type(kernel)) or recur(kernel, *rest))
    return runs


@pytest.mark.parametrize(("layer", "ours"), [(nn.RNN, True), (nn.GRU, True), (nn.LSTM, False)])
def test_on_a_cpu_what_torch_does_not_fuse_is_computed_here(taken, layer, ours):
    fused.run_fused(layer(3, 8, batch_first=True), torch.ones(2, 4, 3), None, None)
    assert taken == [layer] * ours


def test_mixed_precision_is_left_to_torch(taken):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fused.run_fused(nn.GRU(3, 8, batch_first=True), torch.ones(2, 4, 3), None, None)
    assert taken == []


def test_rows_of_unlike_length_take_the_same_way(taken):
    layer, x, lengths = nn.GRU(3, 8, batch_first=True), torch.randn(2, 4, 3), torch.tensor([4, 2])
    out, last = fused.run_fused(layer, x, None, lengths)
    alone, after = layer(x[1:, :2])
    torch.testing.assert_close((out[1:, :2], last[1]), (alone, after[0, 0]))
    assert taken == [nn.GRU]
