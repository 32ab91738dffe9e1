"""The sanity check of models and training: whatever is built in solves what needs no memory."""

from __future__ import annotations

import pytest
import torch

from harness.discovery import registry
from harness.run import run

BUILT_IN = [p.name for p in registry.plugins("architecture") if p.module.startswith("harness.plugins.")]


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize("name", BUILT_IN)
def test_every_architecture_solves_it(name, length, small):
    budget = {"steps": 1000, "batch_size": 32, "validate_every": 100, "validation_sequences": 300, "hidden_size": 24}
    record = run(
        small(architecture=name, task="pointwise", length=length, test_sequences=1000, **budget), torch.device("cpu")
    )
    assert record.status == "ok", record.reason
    assert record.solved
