"""The LSTM's forget bias: the total of torch's two vectors, in every layer and direction."""

from __future__ import annotations

import pytest
import torch
from harness.plugins.lstm import LSTM
from torch import nn

from harness.discovery.compose import build_architecture

HIDDEN = 8


@pytest.mark.parametrize("forget_bias", [1.0, 0.0, 2.5, -1.0])
@pytest.mark.parametrize(
    ("name", "kernels"), [("lstm", 1), ("deep:lstm", 2), ("bidirectional:lstm", 2), ("deep:bidirectional:lstm", 4)]
)
def test_forget_bias_is_the_total_in_every_layer_and_direction(name, kernels, forget_bias):
    model = build_architecture(name, 3, HIDDEN, {"lstm.forget_bias": forget_bias})
    totals = forget_totals(model)
    assert len(totals) == kernels
    for total in totals:
        assert torch.equal(total, torch.full((HIDDEN,), forget_bias))


def test_forget_bias_is_one_unless_said_otherwise():
    for total in forget_totals(build_architecture("deep:bidirectional:lstm", 3, HIDDEN)):
        assert torch.equal(total, torch.ones(HIDDEN))


def test_all_but_the_forget_bias_starts_as_torch_draws_it():
    torch.manual_seed(0)
    ours = LSTM(3, HIDDEN).kernel
    torch.manual_seed(0)
    theirs = nn.LSTM(3, HIDDEN)
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        gates_kept = (0, 2, 3) if name.startswith("bias") else (0, 1, 2, 3)
        assert all(torch.equal(a.chunk(4)[gate], b.chunk(4)[gate]) for gate in gates_kept)


def test_a_large_forget_bias_keeps_the_cell_state():
    """The gate really is the forget gate: with the others shut, the cell state decays by sigmoid(forget_bias)."""
    model = LSTM(3, HIDDEN, forget_bias=2.0)
    with torch.no_grad():
        model.kernel.weight_ih_l0.zero_()
        model.kernel.weight_hh_l0.zero_()
        model.kernel.bias_ih_l0[:HIDDEN] = -50.0
    cell = torch.randn(4, HIDDEN)
    _, (_, after) = model(torch.randn(4, 5, 3), (torch.zeros(4, HIDDEN), cell))
    torch.testing.assert_close(after, cell * torch.sigmoid(torch.tensor(2.0)) ** 5)


def forget_totals(model: nn.Module) -> list[torch.Tensor]:
    """The sum of every pair of bias vectors, cut to the forget gate, of all the kernels inside."""
    kernels = [module for module in model.modules() if isinstance(module, nn.LSTM)]
    biases = [{n: p for n, p in kernel.named_parameters() if n.startswith("bias")} for kernel in kernels]
    return [sum(pair.values()).detach()[HIDDEN : 2 * HIDDEN] for pair in biases if len(pair) == 2]
