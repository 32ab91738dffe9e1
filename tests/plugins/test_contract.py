"""Every built-in architecture, alone and composed, keeps the contract; so do plain modules and single cells."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.architecture import CellArchitecture
from harness.discovery import registry
from harness.discovery.compose import build_architecture
from harness.testing import ArchitectureContract, check_architecture

BUILT_IN = [p.name for p in registry.plugins("architecture") if p.module.startswith("harness.plugins.")]
COMPOSED = ["bidirectional:gru", "deep:gru", "deep:bidirectional:rnn", "bidirectional:deep:lstm"]
MATRICES = ("mamba", "deltanet", "mlstm", "linear_attention", "rwkv7")
COMPOSED += [f"{wrapper}:{base}" for wrapper in ("deep", "bidirectional", "deep:block") for base in MATRICES]
WITH_OPTIONS = [
    ("rnn", {"rnn.nonlinearity": "relu", "rnn.init": "identity"}),
    ("bidirectional", {"bidirectional.merge": "sum"}),
    ("mamba", {"mamba.signed": True, "mamba.conv": 1}),
    ("deltanet", {"deltanet.gated": True, "deltanet.negative": True}),
    ("linear_attention", {"linear_attention.decay": "fixed"}),
    ("linear_attention", {"linear_attention.decay": "input"}),
    ("deep:gru", {"deep.depth": 3, "deep.dropout": 0.2, "deep.residual": True}),
]
ALL = [*((name, {}) for name in BUILT_IN + COMPOSED), *WITH_OPTIONS]
STATE = {"state carries over a cut", "state has the batch first"}


class TestBuiltIn(ArchitectureContract):
    @pytest.fixture(params=ALL, ids=lambda case: " ".join([case[0], *map(str, case[1].values())]))
    def make(self, request):
        name, options = request.param
        return lambda i, h: build_architecture(name, i, h, options)


class PlainLeaky(nn.Module):
    """What a stranger writes: it imports nothing of the harness."""

    def __init__(self, input_size, hidden_size, *, leak=0.5):
        super().__init__()
        self.enter, self.stay, self.leak = nn.Linear(input_size, hidden_size), nn.Linear(hidden_size, hidden_size), leak

    def forward(self, x):
        h, out = x.new_zeros(x.shape[0], self.stay.in_features), []
        for x_t in x.unbind(1):
            h = (1 - self.leak) * h + self.leak * torch.tanh(self.enter(x_t) + self.stay(h))
            out.append(h)
        return torch.stack(out, dim=1)


class PlainGRU(nn.GRU):
    """Torch's own module, which returns (out, h) with the layers first."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, batch_first=True)


class Cell(CellArchitecture):
    """One step only."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.cell = nn.GRUCell(input_size, hidden_size)

    def step(self, x, state):
        state = self.cell(x, state)
        return state, state


class TestStrangers(ArchitectureContract):
    @pytest.fixture(params=[PlainLeaky, PlainGRU, Cell])
    def make(self, request):
        return request.param


@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        ("rnn", set()),
        ("lstm", set()),
        ("deep:gru", set()),
        ("gru", {"search space names real options", "works at the ends of its ranges"}),
        ("bidirectional:gru", STATE),
        ("deep:bidirectional:rnn", STATE),
    ],
)
def test_only_what_does_not_apply_is_skipped(name, skipped):
    findings = check_architecture(lambda i, h: build_architecture(name, i, h))
    assert {finding.promise for finding in findings if finding.status == "skipped"} == skipped
    assert all(finding.detail for finding in findings if finding.status == "skipped")
    assert not [finding for finding in findings if finding.status == "broken"]


def test_the_contract_leaves_the_global_generator_and_the_threads_alone():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    check_architecture(lambda i, h: build_architecture("deep", i, h, {"deep.dropout": 0.2}))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
