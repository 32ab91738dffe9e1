"""A session whose samples are made up."""

from __future__ import annotations

import numpy as np
import pytest

from harness.bench.measurement import Measurement
from harness.bench.preflight import Preflight
from harness.bench.request import LOOP, PASSES, PRODUCT, Request
from harness.spec import RunSpec

SPEC = RunSpec("rnn", "adding", 10, label="rnn")
MACHINE = {"cpu": "a", "cores": "2", "device": "cpu", "version.torch": "2", "threads": "1", "timer": "clock"}


@pytest.fixture
def session():
    return made


def made(seed, slower=1.0, drift=1.0, jitter=0.01, processes=3, rounds=8):
    """Samples with noise of processes and of rounds; `drift` makes all of the machine slower."""
    random = np.random.default_rng(seed)
    sessions = []
    for _ in range(processes):
        process = drift * np.exp(random.normal(0, jitter))
        extra = {"cell": f"{PRODUCT}|0|{PRODUCT}", "flops": 4.0, "clock_over_cpu": 1.0}
        benchmarks = [{"extra_info": extra, "stats": {"data": [2.0]}}]
        for index in range(rounds):
            for turn, kind in enumerate(PASSES):
                for key, scale in ((f"{LOOP}|0|{LOOP}", drift), (f"rnn|10|{kind}", process * slower)):
                    data = list(scale * np.exp(random.normal(0, 0.01, 3)))
                    extra = {"cell": key, "round": index, "turn": turn, "clock_over_cpu": 1.0}
                    benchmarks.append({"extra_info": extra, "stats": {"data": data}})
        sessions.append({"benchmarks": benchmarks})
    look = Preflight("rnn", 10, steps=10, flops=dict.fromkeys(PASSES, 1.0))
    return Measurement(Request((SPEC,)), [look], sessions, MACHINE)
