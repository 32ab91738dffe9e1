"""Every engine keeps the contract of engines."""

import importlib.util

import pytest
import torch

from harness.engines.inline import Inline
from harness.engines.local import Local
from harness.run import run
from harness.testing.engines import EngineContract


class Contract(EngineContract):
    @pytest.fixture
    def spec(self, small):
        return small()

    @pytest.fixture
    def run_here(self):
        return lambda spec: run(spec, torch.device("cpu"))


class TestInline(Contract):
    @pytest.fixture
    def engine(self):
        return Inline(torch.device("cpu"))


class TestLocal(Contract):
    @pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
    def engine(self, request):
        return Local("cpu", request.param)

    @pytest.fixture
    def worker_processes(self):
        return lambda engine: {worker.process.process.pid for worker in engine.workers.values()}


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two cores on this machine."""
    from harness.engines.cluster import connected

    with connected(cpus=2):
        yield


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: rnn-harness[ray]")
class TestRay(Contract):
    @pytest.fixture
    def engine(self, cluster):
        from harness.engines.ray import Ray

        return Ray("cpu")
