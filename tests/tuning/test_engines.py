"""The same search on every engine: inline, in a worker process, on Ray."""

import importlib.util

import pytest
from optuna.trial import TrialState

from ..cli.test_tune import TINY, journal

pytestmark = pytest.mark.slow  # worker processes and clusters take their time to start

LINE = f"tune --arch lstm --task copy --length 2 {TINY} --trials 4 --confirm-seeds 1 --top 1 --quiet"


@pytest.fixture
def trials(folder, empty_store):
    from harness.cli.main import main

    def run(flags):
        (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
        name = f"{len(list(folder.glob('*.journal')))}.journal"
        assert main([*LINE.split(), *flags.split(), "--storage", name]) == 0
        (found,) = journal(folder, name).values()
        return found

    return run


def test_one_worker_gives_the_trials_that_no_worker_gives(trials):
    assert trials("--engine local --jobs 1") == trials("--engine inline")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_ray_carries_out_a_search(trials):
    found = trials("--engine ray")
    assert [state for _, state, _ in found] == [TrialState.COMPLETE] * 4
