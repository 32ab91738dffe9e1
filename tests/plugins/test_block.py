"""The block: equal to its equations, around any architecture, with its state carried over cuts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from harness.plugins.block import Block
from harness.plugins.deep import Deep
from harness.plugins.gru import GRU
from torch import Tensor, nn

from harness.discovery.compose import build_architecture
from harness.testing import ArchitectureContract
from harness.training.model import state_size

ROWS, STEPS, INPUTS, HIDDEN = 3, 9, 4, 8
CASES = [
    ("block", {}),
    ("block:gru", {"block.norm": "rms", "block.conv": 4}),
    ("block:bidirectional:rnn", {"block.expansion": 0}),
    ("block:transformer", {"block.conv": 2}),
    ("block:mlp", {}),
    ("deep:block:lru", {"deep.final_norm": "rms", "block.conv": 3, "block.expansion": 2}),
]


class TestBlock(ArchitectureContract):
    @pytest.fixture(params=CASES, ids=lambda case: " ".join([case[0], *map(str, case[1].values())]))
    def make(self, request):
        name, options = request.param
        return lambda i, h: build_architecture(name, i, h, options)


class Stranger(nn.Module):
    """Imports nothing of the harness, has another width than it is asked for, and no state to pass on."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.kernel = nn.GRU(input_size, hidden_size + 3, batch_first=True)

    def forward(self, x):
        return self.kernel(x)


class TestStranger(ArchitectureContract):
    @pytest.fixture
    def make(self):
        from harness.discovery.adapt import as_architecture

        return lambda i, h: Block(i, h, lambda *sizes: as_architecture(Stranger(*sizes), *sizes))


def written_out(block: Block, x: Tensor) -> Tensor:
    """The equations, with the norms and the convolution as sums."""

    def norm(module: nn.Module, x: Tensor) -> Tensor:
        if isinstance(module, nn.RMSNorm):
            return x / (x.square().mean(dim=2, keepdim=True) + torch.finfo(x.dtype).eps).sqrt() * module.weight
        centred = x - x.mean(dim=2, keepdim=True)
        spread = (centred.square().mean(dim=2, keepdim=True) + module.eps).sqrt()
        return centred / spread * module.weight + module.bias

    x = x @ block.enter.weight.T + block.enter.bias
    mixed = norm(block.norm, x)
    if block.conv is not None:
        taps = block.conv.weight.T
        seen = [
            sum(mixed[:, t - back] * taps[:, -1 - back] for back in range(taps.shape[1]) if back <= t)
            for t in range(STEPS)
        ]
        mixed = F.silu(torch.stack(seen, dim=1) + block.conv.bias)
    x = x + block.mixer(mixed)[0]
    normed, first, _, second = block.mlp
    inner = norm(normed, x) @ first.weight.T + first.bias
    return x + (inner * (1 + torch.erf(inner / 2**0.5)) / 2) @ second.weight.T + second.bias


@pytest.mark.parametrize("options", [{}, {"norm": "rms", "conv": 4}, {"expansion": 2, "conv": 2}], ids=str)
def test_equals_its_equations_in_values_and_gradients(options):
    torch.manual_seed(0)
    block = Block(INPUTS, HIDDEN, GRU, **options).double()
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.double, requires_grad=True)
    ours, theirs = block(x)[0], written_out(block, x)
    torch.testing.assert_close(ours, theirs)
    weights, sources = torch.randn_like(theirs), [x, *block.parameters()]
    found, wanted = (torch.autograd.grad((out * weights).sum(), sources) for out in (ours, theirs))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("conv", [0, 2, 5])
def test_the_state_of_the_convolution_is_carried_from_any_cut_to_any_other(conv):
    torch.manual_seed(0)
    model = build_architecture("deep:block:lstm", INPUTS, HIDDEN, {"block.conv": conv}).eval()
    x = torch.randn(2, 14, INPUTS)
    whole, end = model(x)
    outputs, state, at = [], None, 0
    for steps in (1, 1, 3, 2, 7):
        out, state = model(x[:, at : at + steps], state)
        outputs.append(out)
        at += steps
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole)
    torch.testing.assert_close(state, end)


@pytest.mark.parametrize(("conv", "numbers"), [(0, 2 * HIDDEN), (4, 2 * HIDDEN + 3 * HIDDEN)])
def test_the_state_counts_what_the_convolution_holds(conv, numbers):
    model = build_architecture("block:lstm", INPUTS, HIDDEN, {"block.conv": conv})
    assert state_size(model(torch.randn(1, 4, INPUTS))[1]) == numbers


def test_without_a_mixer_the_stream_is_handed_on():
    """Residuals: a mixer and an MLP that give zeros leave their inputs as they are."""
    block = Block(HIDDEN, HIDDEN, GRU)
    with torch.no_grad():
        for p in (*block.mixer.parameters(), *block.mlp[3].parameters()):
            p.zero_()
    x = torch.randn(ROWS, STEPS, HIDDEN)
    torch.testing.assert_close(block(x)[0], x)


def test_only_what_changes_a_width_is_mapped():
    same, other = Block(HIDDEN, HIDDEN, GRU), Block(INPUTS, HIDDEN, lambda i, h: GRU(i, h + 1))
    assert [type(part) for part in (same.enter, same.leave, other.enter, other.leave)] == [
        nn.Identity,
        nn.Identity,
        nn.Linear,
        nn.Linear,
    ]


@pytest.mark.parametrize(
    ("base", "causal", "stateful"), [("gru", True, True), ("bidirectional:gru", False, False), ("tcn", True, True)]
)
def test_is_causal_and_stateful_if_the_mixer_is(base, causal, stateful):
    block = build_architecture(f"block:{base}", INPUTS, HIDDEN, {"block.conv": 4})
    assert (block.causal, block.stateful) == (causal, stateful)


def test_keeps_the_parameter_groups_of_the_mixer():
    block = build_architecture("deep:block:lru", INPUTS, HIDDEN)
    assert [group.get("lr_scale", 1.0) for group in block.parameter_groups()] == [1.0, 0.5, 1.0] * 2


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_a_stack_ends_with_a_norm_where_one_is_asked_for(norm):
    stack = Deep(INPUTS, HIDDEN, lambda i, h: Block(i, h, GRU), final_norm=norm)
    out = stack(torch.randn(ROWS, STEPS, INPUTS))[0]
    torch.testing.assert_close(out.square().mean(dim=2), torch.ones(ROWS, STEPS), rtol=1e-3, atol=1e-3)
    assert isinstance(Deep(INPUTS, HIDDEN, GRU).final_norm, nn.Identity)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expansion": -1}, "expansion must be at least 0, got -1"),
        ({"conv": 1}, "conv must be 0 or at least 2 steps, got 1"),
        ({"conv": -2}, "conv must be 0 or at least 2 steps, got -2"),
        ({"norm": "batch"}, "norm must be 'layer' or 'rms', got 'batch'"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(options, said):
    with pytest.raises(ValueError, match=said):
        Block(INPUTS, HIDDEN, GRU, **options)
