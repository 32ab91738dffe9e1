"""What wrappers observe: the named internals of what they wrap, and their own outputs."""

from __future__ import annotations

import pytest
import torch

from harness.discovery.compose import build_architecture

ROWS, STEPS, INPUTS, HIDDEN = 3, 7, 4, 6
LENGTHS = torch.tensor([7, 1, 4])


def built(name, **options):
    torch.manual_seed(0)
    return build_architecture(name, INPUTS, HIDDEN, options).eval()


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "padded"])
@pytest.mark.parametrize(
    ("name", "options", "gates"),
    [
        ("deep:lstm", {"deep.residual": True}, ["layer 1: forget gate", "layer 2: forget gate", "layer 2: cell"]),
        ("bidirectional:gru", {}, ["ahead: update gate", "back: update gate"]),
        ("block:lstm", {"block.conv": 3}, ["forget gate", "input gate", "cell"]),
        ("deep:block:mgu", {"deep.final_norm": "rms"}, ["layer 1: forget gate", "layer 2: candidate"]),
    ],
)
def test_a_wrapper_observes_what_it_wraps_and_its_own_outputs(name, options, gates, lengths):
    model, x = built(name, **options), torch.randn(ROWS, STEPS, INPUTS)
    (out, state), seen = model(x, None, lengths), model.observe(x, None, lengths)
    torch.testing.assert_close(seen["hidden"], out)
    assert set(gates) <= set(seen)
    assert all(seen[gate].shape == (ROWS, STEPS, HIDDEN) for gate in gates)
    torch.testing.assert_close(model.observe(x, state, lengths)["hidden"], model(x, state, lengths)[0])


def test_the_gates_of_layers_and_directions_are_those_of_the_parts():
    x = torch.randn(ROWS, STEPS, INPUTS)
    deep = built("deep:lstm")
    below, _ = deep.layers[0](x)
    torch.testing.assert_close(deep.observe(x)["layer 2: cell"], deep.layers[1].observe(below)["cell"])
    both = built("bidirectional:gru")
    back = both.back.observe(x.flip(1))["reset gate"].flip(1)
    torch.testing.assert_close(both.observe(x)["back: reset gate"], back)
    block = built("block:lstm")
    inside = block.mixer.observe(block.norm(block.enter(x)))
    torch.testing.assert_close(block.observe(x)["forget gate"], inside["forget gate"])
