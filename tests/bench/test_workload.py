"""What is timed is what a training does, and what is looked at beforehand is true."""

from __future__ import annotations

import pytest
import torch
from harness.plugins import _compiled

from harness.bench.memory import peak
from harness.bench.preflight import preflight, preflights
from harness.bench.request import PASSES, Request
from harness.bench.workload import Work, loop, product
from harness.spec import RunSpec

CPU = torch.device("cpu")


def spec(architecture="lstm", **settings):
    return RunSpec(architecture, "adding", 12, hidden_size=16, batch_size=4, label=architecture, **settings)


@pytest.mark.parametrize("precision", ["32", "64", "bf16-mixed"])
@pytest.mark.parametrize("kind", PASSES)
def test_every_pass_can_be_made_again_and_again(kind, precision):
    call = Work(spec(precision=precision), CPU).call(kind)
    call()
    call()


def test_a_training_step_is_the_same_work_each_time_since_nothing_is_learned():
    work = Work(spec(), CPU)
    before = [parameter.clone() for parameter in work.model.parameters()]
    work.step()
    assert all(torch.equal(old, new) for old, new in zip(before, work.model.parameters(), strict=True))
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in work.model.parameters())


def test_gradients_are_clipped_in_a_training_step():
    work = Work(spec(clip=1e-3), CPU)
    work.step()
    norm = torch.stack([parameter.grad.norm() for parameter in work.model.parameters()]).norm()
    assert norm <= 1.01e-3


def test_what_is_measured_beside_the_architectures_runs():
    call, flops = product(CPU, "32")
    call()
    loop(CPU)()
    assert flops == 2 * 512**3


def test_the_products_of_a_fused_lstm_are_counted():
    """Four gates, each a product of the state and one of the input, at each step; and the head at the last."""
    found = preflight(spec(), Request((spec(),)))
    assert found.reason == ""
    assert found.kernel == ("oneDNN, fused" if _compiled.library() is None else "compiled loop")
    assert found.flops["forward"] == 2 * 4 * 12 * 4 * 16 * (16 + 2) + 2 * 4 * 16
    assert found.flops["step"] == found.flops["backward"] > 2 * found.flops["forward"]


def test_a_look_says_size_state_and_kernel():
    found = preflight(spec("rnn"), Request((spec("rnn"),)))
    assert (found.parameters, found.state_size, found.steps) == (16 * (2 + 16 + 2) + 17, 16, 12)
    assert found.seconds.keys() == PASSES.keys()
    assert preflight(spec("mgu"), Request((spec("mgu"),))).kernel.startswith("eager")


def test_where_no_loops_were_compiled_the_kernel_is_torchs(monkeypatch):
    monkeypatch.setattr(_compiled, "library", lambda: None)
    found = {name: preflight(spec(name), Request((spec(name),))).kernel for name in ("lstm", "gru")}
    assert found["lstm"] == "oneDNN, fused"
    assert found["gru"].startswith("eager")


CELL = """
import os, time
import torch
from torch import nn

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.layer = nn.Linear(input_size, hidden_size)

    def forward(self, x):
        if x.shape[1] > 10:
            {trouble}
        return self.layer(x)
"""


def in_trouble(folder, trouble):
    (folder / "cell.py").write_text(CELL.format(trouble=trouble))
    return spec(str(folder / "cell.py"))


@pytest.mark.parametrize(
    ("trouble", "status", "reason"),
    [
        ("raise ValueError('too long for me')", "error", "ValueError: too long for me (cell.py:13)"),
        ("torch.empty(2**50)", "out_of_memory", "(cell.py:13)"),
        ("return self.layer(x)[0]", "refused", "batch first"),
    ],
)
def test_a_plugin_that_fails_at_this_length_is_a_preflight_with_the_reason(tmp_path, trouble, status, reason):
    asked = in_trouble(tmp_path, trouble)
    found = preflight(asked, Request((asked,)))
    assert found.status == status
    assert reason in found.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("os.kill(os.getpid(), 9)", "signal 9 (out of memory?)"), ("time.sleep(600)", "longer than 20 s (--timeout)")],
)
def test_a_plugin_that_kills_its_process_or_hangs_is_a_look_and_the_next_one_is_looked_at(tmp_path, trouble, reason):
    request = Request((in_trouble(tmp_path, trouble), spec()))
    first, second = preflights(request, 20)
    assert reason in first.reason
    assert second.reason == ""


def test_memory_is_what_a_call_touches_at_its_peak():
    held = peak(lambda: torch.ones(2**22).sum(), CPU)
    if held is None:
        pytest.skip("this system does not tell")
    assert held == pytest.approx(2**24, rel=0.1)
