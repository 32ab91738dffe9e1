"""The wrappers take every built-in architecture, and what they make keeps the contract."""

from __future__ import annotations

import pytest
import torch

from harness.discovery.compose import build_architecture
from harness.testing import ArchitectureContract

BASES = ["lru", "mgu", "mingru", "mlp", "peephole", "tcn", "transformer"]
VECTORS = ["slstm", "s4d", "lem", "cornn", "indrnn"]  # inside block: too
WITH_OPTIONS = [
    ("peephole", {"peephole.coupled": True}),
    ("mingru", {"mingru.positive": True, "mingru.gate_bias": -1.0}),
    ("tcn", {"tcn.dropout": 0.1, "tcn.levels": 2}),
    ("transformer", {"transformer.positions": "none", "transformer.heads": 3}),
    ("mlp", {"mlp.window": 6}),
    ("slstm", {"slstm.heads": 3, "slstm.forget_gate": "exp", "slstm.bias_init": "linspace"}),
    ("s4d", {"s4d.state": 4}),
    ("indrnn", {"indrnn.nonlinearity": "tanh"}),
]
ALL = [
    *((f"{wrapper}:{base}", {}) for base in BASES for wrapper in ("deep", "bidirectional")),
    *((f"{wrapper}:{base}", {}) for base in VECTORS for wrapper in ("deep", "bidirectional", "block")),
    *WITH_OPTIONS,
]
ALL.remove(("deep:cornn", {}))
ALL.append(("deep:cornn", {"cornn.dt": 0.2}))  # the default is meant for hundreds of steps: six of them move little


class TestComposed(ArchitectureContract):
    @pytest.fixture(params=ALL, ids=lambda case: " ".join([case[0], *map(str, case[1].values())]))
    def make(self, request):
        name, options = request.param
        return lambda i, h: build_architecture(name, i, h, options)


def test_a_window_shorter_than_the_gap_recalls_nothing():
    with pytest.raises(AssertionError, match="chance is 25%"):
        ArchitectureContract().test_learns_to_recall_the_first_symbol(
            lambda i, h: build_architecture("mlp", i, h, {"mlp.window": 5})
        )


@pytest.mark.parametrize("name", ["lru", "mingru", "mlp", "tcn", *VECTORS])
def test_a_state_is_carried_from_any_cut_to_any_other(name):
    """Chunks shorter than a window, and of a single step."""
    torch.manual_seed(0)
    model = build_architecture(name, 3, 8).eval()
    x = torch.randn(2, 24, 3)
    whole, end = model(x)
    outputs, state, at = [], None, 0
    for steps in (1, 1, 3, 2, 11, 6):
        out, state = model(x[:, at : at + steps], state)
        outputs.append(out)
        at += steps
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole)
    torch.testing.assert_close(state, end)
