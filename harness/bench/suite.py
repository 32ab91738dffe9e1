"""The suite that pytest-benchmark runs: `harness bench` starts it in a process of its own, never anybody else.

Cells take turns within each round, so that a machine that slows down slows all of them. Each turn is one benchmark.
"""

from __future__ import annotations

import harness.engines.preload  # isort: skip  # noqa: F401 - first: it ends with the driver, in its other imports too

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.bench.request import LOOP, PRODUCT, Request, TimedPass
from harness.bench.workload import Work, loop, product
from harness.process.guarded import limit_memory
from harness.training.device import computing, memory_share, pick

REQUEST = "HARNESS_BENCH_REQUEST"
"""The environment variable that names the file with the request."""

_asked = Request.from_json(Path(os.environ[REQUEST]).read_text())
_turns = list(_asked.turns())


class _Calls:
    """What each cell calls; made when it is first needed, and one model for all passes of a training."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.works: dict[tuple[str, int], Work] = {}
        self.product, self.flops = product(device, _asked.specs[0].precision)
        self.loop = loop(device)

    def of(self, cell: TimedPass) -> Callable[[], None]:
        if cell.spec is None:
            return {PRODUCT: self.product, LOOP: self.loop}[cell.kind]
        key = cell.label, cell.length
        if key not in self.works:
            self.works[key] = Work(cell.spec, self.device)
        return self.works[key].call(cell.kind)


@pytest.fixture(scope="session")
def calls() -> Iterator[_Calls]:
    device = pick(_asked.device)
    limit_memory(memory_share(device, 1))
    with computing(device):
        torch.set_num_threads(_asked.threads)
        yield _Calls(device)


@pytest.mark.parametrize(("index", "turn", "cell"), _turns, ids=[f"{i}-{t}" for i, t, _ in _turns])
def test_speed(index: int, turn: int, cell: TimedPass, calls: _Calls, benchmark: Any) -> None:
    function = calls.of(cell)
    if cell.kind == PRODUCT:
        benchmark.extra_info["flops"] = calls.flops
    began, computed = time.perf_counter(), time.process_time()
    benchmark.pedantic(function, rounds=cell.calls, warmup_rounds=2 if index == 0 else 0)
    waited = (time.perf_counter() - began) / max(time.process_time() - computed, 1e-9)
    benchmark.extra_info.update(cell=cell.key, round=index, turn=turn, clock_over_cpu=waited)
