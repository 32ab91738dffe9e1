"""The compiled loops: what they are made from, and the small functions inside."""

import hashlib
import importlib
from pathlib import Path

import pytest
import torch
from torch import nn

compiled = importlib.import_module("harness.plugins._compiled")
fused = importlib.import_module("harness.plugins._fused")
REPOSITORY = Path(__file__).parents[2]
SOURCES = [*sorted((REPOSITORY / "plugins").glob("*.c")), REPOSITORY / "harness" / "training" / "loops" / "kernels.h"]


def test_the_fingerprint_of_plugins_knows_the_source_of_the_loops():
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in SOURCES)).hexdigest()[:16]
    way_out = f'write SOURCE = "{digest}" in _compiled.py, and raise the versions in both if what is passed has changed'
    assert digest == compiled.SOURCE, f"a C file is another: {way_out}"


def test_what_is_compiled_is_todays_source():
    if compiled.library() is None:
        pytest.skip("no C compiler was there at the installation")
    built = Path(compiled.library()._name)
    newest = max(file.stat().st_mtime for file in SOURCES)
    assert built.stat().st_mtime >= newest, "install again: pip install -e ."


@pytest.mark.skipif(compiled.library() is None, reason="no C compiler was there at the installation")
@pytest.mark.parametrize("function", [torch.tanh, torch.sigmoid], ids=lambda f: f.__name__)
def test_nonlinearities_are_right_to_some_units_in_the_last_place(function):
    x = torch.cat([torch.linspace(-30, 30, 200_003), torch.logspace(-30, 1, 2_000), -torch.logspace(-30, 1, 2_000)])
    mine = through_a_loop(x, function)
    true = function(x.double())
    spacing = torch.nextafter(true.abs().float(), torch.tensor(float("inf"))) - true.abs().float()
    assert ((mine.double() - true).abs() / spacing.double()).max() < 4


@torch.no_grad()
def through_a_loop(x, function):
    """By a step of one unit that hands its input on: of an RNN for tanh, of a GRU with z as its state for sigmoid."""
    layer = nn.RNN(1, 1, batch_first=True) if function is torch.tanh else nn.GRU(1, 1, batch_first=True)
    for parameter in layer.parameters():
        parameter.zero_()
    layer.weight_ih_l0[1 if function is torch.sigmoid else 0] = 1.0
    start = torch.ones(len(x), 1) if function is torch.sigmoid else None  # h = (1 - z) 0 + z 1
    return fused.run_fused(layer, x.reshape(-1, 1, 1), start, None)[0].flatten()
