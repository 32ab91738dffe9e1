"""The fused kernels against the equations written out: values and gradients, padding and carried state."""

from __future__ import annotations

import pytest
import torch
from harness.plugins.gru import GRU
from harness.plugins.lstm import LSTM
from harness.plugins.rnn import RNN
from torch import Tensor

from harness.architecture import Architecture

from . import reference

KINDS = {
    "rnn tanh": (lambda i, h: RNN(i, h), reference.rnn),
    "rnn relu": (lambda i, h: RNN(i, h, nonlinearity="relu"), reference.rnn),
    "rnn identity": (lambda i, h: RNN(i, h, nonlinearity="relu", init="identity"), reference.rnn),
    "lstm": (lambda i, h: LSTM(i, h), reference.lstm),
    "gru": (lambda i, h: GRU(i, h), reference.gru),
}
ROWS, STEPS, INPUTS, HIDDEN = 4, 9, 3, 6
LENGTHS = {"full": None, "all full": [9, 9, 9, 9], "padded": [9, 1, 5, 8], "padded beyond the longest": [3, 2, 7, 1]}


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("carried", [False, True], ids=["anew", "carried"])
@pytest.mark.parametrize(("make", "slow"), KINDS.values(), ids=KINDS)
def test_fused_kernel_equals_the_equations_in_values_and_gradients(make, slow, carried, lengths):
    torch.manual_seed(0)
    model = make(INPUTS, HIDDEN).double()
    lengths = None if lengths is None else torch.tensor(lengths)
    state = draw_state(model, carried)
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.double, requires_grad=True)
    sources = [x, *parts(state), *model.parameters()]

    ours = model(x, state if carried else None, lengths)
    theirs = slow(model.kernel, x, state, lengths)
    for a, b in zip(values_and_gradients(ours, sources), values_and_gradients(theirs, sources), strict=True):
        torch.testing.assert_close(a, b)


def draw_state(model: Architecture, carried: bool) -> Tensor | tuple[Tensor, Tensor]:
    def draw() -> Tensor:
        scale = 1.0 if carried else 0.0
        return (scale * torch.randn(ROWS, HIDDEN, dtype=torch.double)).requires_grad_(carried)

    return (draw(), draw()) if isinstance(model, LSTM) else draw()


def parts(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def values_and_gradients(result: tuple[Tensor, Tensor | tuple[Tensor, ...]], sources: list[Tensor]) -> list[Tensor]:
    """Outputs, final state, and the gradients of a fixed weighting of both."""
    values = [result[0], *parts(result[1])]
    fixed = torch.Generator().manual_seed(1)
    weighted = [(v * torch.randn(v.shape, generator=fixed, dtype=v.dtype)).sum() for v in values]
    wanted = [source for source in sources if source.requires_grad]
    return [*values, *torch.autograd.grad(torch.stack(weighted).sum(), wanted)]
