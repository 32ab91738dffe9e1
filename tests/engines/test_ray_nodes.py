"""A Ray cluster of several nodes, simulated on this machine, loses one in the middle of a sweep."""

import importlib.util
import shutil
import time
from collections import Counter
from dataclasses import asdict

import pytest
import torch

from harness.engines.cluster import connected
from harness.engines.inline import Inline
from harness.record import TIMES
from harness.spec import SweepSpec
from harness.sweeps.execute import SweepRequest, execute
from harness.sweeps.plan import plan
from harness.sweeps.progress import Quiet
from harness.tracking.store import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: rnn-harness[ray]"),
]

SETTINGS = {"steps": 900, "validate_every": 300, "validation_sequences": 100, "test_sequences": 100}
SWEEP = SweepSpec(("lstm", "gru"), ("copy",), (5, 20), seeds=2, settings=SETTINGS)
SMALL = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def nodes():
    """A head that runs nothing but the driver, and three nodes of one core; one says that it has a GPU."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "num_cpus": 0, "include_dashboard": False})
    try:
        workers = [cluster.add_node(**SMALL, num_gpus=gpus) for gpus in (1, 0, 0)]
        with connected(cluster.address):
            yield cluster, workers
    finally:
        cluster.shutdown()


class Listener(Quiet):
    def claim(self, key):
        return True


class Killer(Quiet):
    """Takes a node away when some runs have ended and others are under way everywhere."""

    def __init__(self, cluster, node):
        self.cluster, self.node, self.ended_runs = cluster, node, 0

    def ended(self, key, record):
        self.ended_runs += 1
        if self.ended_runs == 2:
            time.sleep(0.5)  # the node may be between two runs
            self.cluster.remove_node(self.node, allow_graceful=False)


def test_a_node_that_is_lost_costs_no_record_and_changes_none(nodes, empty_store, tmp_path):
    from harness.engines.ray import Ray

    class Counting(Ray):
        lost = 0

        def _finish(self, reference):
            finished = super()._finish(reference)
            self.lost += not finished
            return finished

    cluster, workers = nodes
    engine = Counting("cpu")
    disturbed = swept(engine, empty_store, tmp_path / "disturbed.db", Killer(cluster, workers[1]))
    undisturbed = swept(Inline(torch.device("cpu")), empty_store, tmp_path / "undisturbed.db", Quiet())
    assert engine.lost >= 1
    assert Counter(record.spec.identity for record in disturbed) == Counter(spec.identity for spec in plan(SWEEP))
    assert {record.status for record in disturbed} == {"ok"}
    assert differences(disturbed, undisturbed) == {}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a real GPU here, to be left alone")
def test_a_share_of_a_gpu_is_asked_for_where_the_cluster_has_one(nodes, small):
    from harness.engines.ray import Ray

    engine = Ray(gpus=0.25)
    assert engine.device == "cuda"
    engine.submit("on a GPU", small())
    ((_, record),) = engine.collect(Listener())
    assert "--device cuda: there is no such device here" in record.reason  # Ray believed the node, torch does not


def swept(engine, empty_store, path, display):
    """Every record that the store holds after a sweep."""
    shutil.copy(empty_store, path)
    store = Store(f"sqlite:///{path}")
    execute(SweepRequest(SWEEP, plan(SWEEP)), engine, store, display)
    return [record for _, record in store.records({"copy"})]


def differences(some, others):
    """Fields that differ, times left out, by label, length, seed and name."""
    one, two = ({record.spec.identity: record for record in records} for records in (some, others))
    return {
        (one[key].spec.label, one[key].spec.length, one[key].spec.seed, name): (value, asdict(two[key])[name])
        for key in one
        for name, value in asdict(one[key]).items()
        if name not in TIMES and value != asdict(two[key])[name]
    }
