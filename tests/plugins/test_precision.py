"""Every built-in architecture trains at every precision that a CPU has."""

from __future__ import annotations

import pytest
import torch

from harness.discovery import registry
from harness.run import run

BUILT_IN = [p.name for p in registry.plugins("architecture") if p.module.startswith("harness.plugins.")]


@pytest.mark.parametrize("precision", ["bf16-mixed", "64"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_it_trains_and_is_tested(name, precision, small):
    record = run(small(architecture=name, precision=precision), torch.device("cpu"))
    assert record.status == "ok", record.reason
