"""The gap is filled from both sides by who reads both ways, and half of it by who does not."""

from __future__ import annotations

import pytest
import torch

from harness.run import run


@pytest.mark.slow
@pytest.mark.parametrize("base", ["gru", "lstm"])
def test_a_bidirectional_model_wins_where_a_causal_one_stays_at_its_ceiling(small, base):
    budget = {"steps": 1000, "batch_size": 32, "validate_every": 100, "validation_sequences": 200, "hidden_size": 32}
    accuracy = {}
    for name in (base, f"bidirectional:{base}"):
        spec = small(architecture=name, task="fill_gap", length=12, test_sequences=2000, **budget)
        record = run(spec, torch.device("cpu"))
        assert record.status == "ok", record.reason
        accuracy[name] = record.accuracy
    ceiling = (1 + 1 / 8) / 2
    assert accuracy[f"bidirectional:{base}"] > 0.95
    assert ceiling - 0.05 < accuracy[base] < ceiling + 0.02


def test_a_model_that_looks_ahead_is_allowed(small):
    record = run(small(architecture="bidirectional:gru", task="fill_gap", length=6), torch.device("cpu"))
    assert record.status == "ok", record.reason
