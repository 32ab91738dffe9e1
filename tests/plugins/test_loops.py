"""Recurrences of one step: the compiled loops against the steps unrolled by torch, in values and gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from harness.plugins import _compiled, _loops
from harness.plugins.cornn import CoRNN
from harness.plugins.indrnn import IndRNN
from harness.plugins.lem import LEM
from harness.plugins.slstm import SLSTM
from torch import Tensor

CASES = {
    "slstm": lambda i, h: SLSTM(i, h),
    "slstm of one head, exponential": lambda i, h: SLSTM(i, h, heads=1, forget_gate="exp", bias_init="linspace"),
    "lem": lambda i, h: LEM(i, h, dt=0.7),
    "cornn": lambda i, h: CoRNN(i, h, dt=0.1),
    "indrnn": lambda i, h: IndRNN(i, h),
    "indrnn tanh": lambda i, h: IndRNN(i, h, nonlinearity="tanh"),
}
compiled_only = pytest.mark.skipif(_compiled.library() is None, reason="no C compiler was there at the installation")


@pytest.fixture(params=CASES)
def make(request):
    def make(inputs: int, hidden: int):
        torch.manual_seed(0)
        model = CASES[request.param](inputs, hidden)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.3 * torch.randn_like(p))  # recurrent matrices that start at zero would hide what they do
        return model

    return make


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def parts(state) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def outcome(run, model, x: Tensor, state, lengths=None) -> list[Tensor]:
    """Outputs and last state, and gradients of all that they are made of, of a sum that weighs both."""
    x = x.clone().requires_grad_()
    given = None if state is None else tuple(part.detach().clone().requires_grad_() for part in parts(state))
    out, after = run(model, x, given if given is None or len(given) > 1 else given[0], lengths)
    valid = torch.ones(out.shape[:2], dtype=torch.bool)
    if lengths is not None:
        valid = torch.arange(out.shape[1]) < lengths.unsqueeze(1)
    values = [out * valid.unsqueeze(2), *parts(after)]
    draw = torch.Generator().manual_seed(2)
    weights = [torch.randn(v.shape, generator=draw, dtype=torch.double).to(v.dtype) for v in values]
    total = sum((v * w).sum() for v, w in zip(values, weights, strict=True))
    sources = [x, *(given or ()), *model.parameters()]
    gradients = torch.autograd.grad(total, sources, allow_unused=True)
    return [v.detach() for v in values] + [
        torch.zeros_like(s) if g is None else g for s, g in zip(sources, gradients, strict=True)
    ]


def compiled(model, x, state, lengths):
    """By the loop alone: the unrolled step must not be needed."""
    model.step = None
    try:
        return model(x, state, lengths)
    finally:
        del model.step


def unrolled(model, x, state, lengths):
    state = model.initial_state(x) if state is None else state
    seen, after = model._unroll(model.contributions(x), state, lengths)
    return seen["hidden"], after


def assert_as_exact_as_double_precision(model, x, state=None, lengths=None):
    wide = None if state is None else tuple(part.double() for part in parts(state))
    truth = outcome(unrolled, copy.deepcopy(model).double(), x.double(), _single(wide), lengths)
    for mine, true in zip(outcome(compiled, model, x, state, lengths), truth, strict=True):
        torch.testing.assert_close(mine.double(), true, rtol=1e-4, atol=3e-6 * float(true.abs().max() + 1))


def _single(state):
    return state[0] if state is not None and len(state) == 1 else state


@compiled_only
@pytest.mark.parametrize("rows", [1, 3, 4, 13], ids="{} rows".format)
@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (3, 10), (3, 16), (5, 39)])
def test_values_and_gradients_are_those_of_the_unrolled_step(make, inputs, hidden, rows):
    model = make(inputs, hidden)
    x = torch.randn(rows, 7, inputs)
    assert_as_exact_as_double_precision(model, x)
    assert_as_exact_as_double_precision(model, x, model(torch.randn(rows, 3, inputs))[1])


@compiled_only
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_any_number_of_steps_is_right(make, steps):
    assert_as_exact_as_double_precision(make(3, 12), torch.randn(2, steps, 3))


@compiled_only
def test_rows_of_unlike_length_are_right(make):
    model, lengths = make(3, 12), torch.tensor([6, 1, 4])
    assert_as_exact_as_double_precision(model, torch.randn(3, 6, 3), model(torch.randn(3, 2, 3))[1], lengths)


@compiled_only
@pytest.mark.parametrize("cut", [1, 4, 8])
def test_gradients_flow_through_a_cut_as_through_the_whole(make, cut):
    model = make(3, 12)
    x, weights = torch.randn(2, 9, 3), torch.randn(2, 9, 12)

    def whole(model, x, state, lengths):
        return model(x, state)

    def in_two(model, x, state, lengths):
        first, state = model(x[:, :cut], state)
        second, state = model(x[:, cut:], state)
        return torch.cat([first, second], dim=1), state

    results = []
    for run in (whole, in_two):
        given = x.clone().requires_grad_()
        out, _ = run(model, given, None, None)
        results.append([out.detach(), *torch.autograd.grad((out * weights).sum(), [given, *model.parameters()])])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(a.abs().max() + 1))


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 1, 4])], ids=["whole", "padded"])
def test_what_is_observed_agrees_with_the_outputs(make, lengths):
    model = make(3, 12)
    x, state = torch.randn(3, 6, 3), model(torch.randn(3, 2, 3))[1]
    (out, _), seen = model(x, state, lengths), model.observe(x, state, lengths)
    valid = slice(None) if lengths is None else torch.arange(6) < lengths.unsqueeze(1)
    torch.testing.assert_close(seen["hidden"][valid], out[valid], rtol=1e-4, atol=1e-5)
    assert all(values.shape == (3, 6, 12) for values in seen.values())


def test_second_derivatives_are_refused_not_wrong(make):
    model = make(3, 16)
    x = torch.randn(2, 4, 3, requires_grad=True)
    if _compiled.library() is None:
        pytest.skip("no C compiler was there at the installation")
    (gradient,) = torch.autograd.grad(model(x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@compiled_only
def test_large_gates_of_an_slstm_neither_overflow_nor_vanish():
    torch.manual_seed(0)
    model = SLSTM(1, 16, heads=1)
    with torch.no_grad():
        model.enter.bias.copy_(torch.linspace(-200, 200, 64)[torch.randperm(64)])
    x = torch.randn(2, 40, 1)
    assert_as_exact_as_double_precision(model, x)
    assert model(x)[0].isfinite().all()


def test_log_sigmoid_of_the_loop_is_right_over_its_whole_range():
    """Seen through m_2 = max(log f + m_1, i~_2) with i~_1 = 0 and i~_2 far below: log f alone."""
    if _compiled.library() is None:
        pytest.skip("no C compiler was there at the installation")
    f = torch.cat([torch.linspace(-60, 60, 2001), torch.logspace(-20, 1, 200), -torch.logspace(-20, 1, 200)])
    a = torch.zeros(len(f), 2, 4)
    a[:, 1, 0], a[:, 1, 1] = -1000.0, f
    start = tuple(torch.zeros(len(f), 1) for _ in range(3))
    states = _loops.run_loop("slstm", (0.0,), a, (torch.zeros(4, 1),), (*start, torch.full((len(f), 1), -torch.inf)))
    true = torch.nn.functional.logsigmoid(f.double())
    torch.testing.assert_close(states[3][:, 1, 0].double(), true, rtol=5e-7, atol=1e-30)


def test_an_indrnn_keeps_its_recurrent_weights_within_their_bound():
    model = IndRNN(3, 8, max_length=50)
    with torch.no_grad():
        model.u.copy_(torch.linspace(-3, 3, 8))
    x = torch.randn(2, 50, 3)
    first, second = model(x)[0], model(x)[0]
    assert model.u.abs().max().item() == pytest.approx(2 ** (1 / 50))
    (first + second).sum().backward()  # the cut between two passes harms neither
    assert torch.equal(first, second)
    assert IndRNN(3, 8).bound == 1.0
