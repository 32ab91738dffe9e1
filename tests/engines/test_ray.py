"""The Ray engine: the records of inline, plugins that travel, deaths that stay alone. One cluster, started once."""

import importlib.util
import shutil
import time

import pytest
import torch

from harness.engines import cluster
from harness.engines.inline import Inline
from harness.errors import HarnessError, UsageError
from harness.testing.engines import reproducible

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: rnn-harness[ray]"),
]

GOOD = """
from wide import Wide


class Good(Wide):
    pass
"""
WIDE = """
from torch import nn


class Wide(nn.RNN):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, 2 * hidden_size, batch_first=True)
"""


@pytest.fixture(scope="module")
def nodes():
    """A connection to a cluster of two cores on this machine."""
    with cluster.connected(cpus=2):
        yield


@pytest.fixture
def ray(nodes):
    """Makes engines."""
    from harness.engines.ray import Ray

    return Ray


@pytest.fixture
def good(tmp_path):
    """A loose file with an architecture, and the helper beside it that it needs."""
    (tmp_path / "wide.py").write_text(WIDE)
    (tmp_path / "good.py").write_text(GOOD)
    return f"{tmp_path / 'good.py'}:Good"


class Listener:
    def __init__(self, refused=()):
        self.heard, self.refused, self.claimed = [], refused, []

    def claim(self, key):
        self.claimed.append(key)
        return key not in self.refused

    def started(self, key):
        self.heard.append((key, "started"))

    def progressed(self, key, progress):
        self.heard.append((key, "progressed"))
        assert progress.step > 0


def collected(engine, specs, after_submission=lambda: None):
    """Every record, by key, and what a listener heard."""
    listener, records = Listener(), {}
    for key, spec in specs.items():
        engine.submit(key, spec)
    after_submission()
    while ended := engine.collect(listener):
        records.update(ended)
    return records, listener.heard


def test_records_are_those_of_inline_bit_for_bit_though_the_nodes_lack_the_files(ray, small, loose_task, tmp_path):
    (tmp_path / "away").mkdir()
    cell = tmp_path / "cell.py"
    cell.write_text(GOOD.replace("wide", "broad"))  # Python keeps one module of a name, and workers are used again
    (tmp_path / "broad.py").write_text(WIDE)
    code = small_codes(str(cell), loose_task)
    specs = {
        str(seed): small(seed=seed, architecture="deep:gru", architecture_options={"deep.dropout": 0.2})
        for seed in range(2)
    }
    specs["loose"] = small(architecture=f"bidirectional:{cell}:Good", task=loose_task, **code)
    expected, _ = collected(Inline(torch.device("cpu")), specs)
    assert [record.status for record in expected.values()] == ["ok"] * 3

    def lose_the_files():
        for path in tmp_path.glob("*.py"):
            shutil.move(path, tmp_path / "away")

    records, heard = collected(ray(), specs, after_submission=lose_the_files)
    assert {k: reproducible(r) for k, r in records.items()} == {k: reproducible(r) for k, r in expected.items()}
    assert sorted(key for key, what in heard if what == "started") == sorted(specs)


def small_codes(cell, task):
    from harness.discovery import registry
    from harness.discovery.compose import compose

    parts = compose(f"bidirectional:{cell}:Good").parts
    code = "+".join(part.code for part in parts)
    return {"architecture_code": code, "task_code": registry.find("task", task).fingerprint()}


def test_the_command_runs_on_ray(nodes, capsys, store_uri, monkeypatch, tmp_path):
    import json

    from harness.cli.main import main

    monkeypatch.chdir(tmp_path)
    wanted = "run --arch lstm --task copy --length 3 --steps 3 --validation-sequences 8 --test-sequences 8 --json"
    assert main([*wanted.split(), "--engine", "ray", "--tracking-uri", store_uri]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["status"] == "ok"


def test_a_run_that_dies_or_hangs_takes_nothing_else_with_it(ray, small, cells, good):
    fates = {
        "Good": ("ok", ""),
        "Slow": ("ok", ""),
        "changed": ("error", "lstm has changed since the run was planned"),
        "Hangs": ("timeout", "longer than 4 s"),
        "Exits": ("error", "its process died"),
    }
    specs = {name: small(architecture=f"{cells}:{name}") for name in fates}
    specs["Good"] = small(architecture=good)
    specs["changed"] = small(architecture_code="0" * 16)
    records, heard = collected(ray(timeout=4), specs)
    assert {name: record.status for name, record in records.items()} == {name: fate[0] for name, fate in fates.items()}
    assert all(fate[1] in records[name].reason for name, fate in fates.items())
    assert all("\n" not in record.reason for record in records.values())
    assert ("Slow", "progressed") in heard
    assert sorted(key for key, what in heard if what == "started") == sorted(specs)


def test_a_run_whose_node_is_shut_down_is_run_again_a_few_times_and_then_is_an_error(ray, small, cells):
    records, heard = collected(ray(), {"lost": small(architecture=f"{cells}:Terminated")})
    assert (records["lost"].status, records["lost"].reason) == ("error", "it was lost with its node, 4 times")
    assert [what for _, what in heard] == ["started"]


def test_cancelling_ends_what_runs_and_what_waits(ray, small, cells):
    import ray as ray_itself

    engine, listener = ray(timeout=600), Listener()
    for seed in range(8):
        engine.submit(str(seed), small(seed=seed, architecture=f"{cells}:Hangs" if seed else "lstm"))
    assert [key for key, _ in engine.collect(listener)] == ["0"]
    engine.cancel()
    assert engine.collect(listener) == []
    deadline = time.monotonic() + 10
    while ray_itself.available_resources().get("CPU") != 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert ray_itself.available_resources().get("CPU") == 2


def test_what_has_ended_unheard_is_kept_when_work_is_broken_off(ray, small, cells):
    import ray as ray_itself

    engine, listener = ray(), Listener()
    for seed in range(2):
        engine.submit(str(seed), small(seed=seed))
    engine.submit("hangs", small(architecture=f"{cells}:Hangs"))
    before = dict(engine.collect(listener))
    assert ray_itself.wait(list(engine.tasks), timeout=20)[0]  # the other one ends, unheard
    engine.cancel()
    after = dict(engine.collect(listener))
    assert sorted([*before, *after]) == ["0", "1"]
    assert {record.status for record in after.values()} == {"ok"}
    assert engine.collect(listener) == []


def test_our_own_cluster_is_on_loopback_only(nodes):
    import ray as ray_itself

    assert [node["NodeManagerAddress"] for node in ray_itself.nodes()] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("device", "gpus", "said"),
    [
        ("cuda", 0.25, "no node of this Ray cluster offers 0.25 GPU; the most is 0"),
        ("mps", 1.0, "not on mps"),
        ("cuda", 2.0, "over 0 and up to 1, not 2"),
    ],
)
def test_what_the_cluster_does_not_have_is_refused(ray, device, gpus, said):
    with pytest.raises(UsageError, match=said):
        ray(device, gpus=gpus)


def test_an_address_that_does_not_answer_is_told_in_one_line(monkeypatch):
    assert cluster._SECONDS_TO_ANSWER < 15
    monkeypatch.setattr(cluster, "_SECONDS_TO_ANSWER", 3.0)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(HarnessError, match=r"^No Ray cluster answers at 127.0.0.1:9 \(waited 3 s\)\.$"):
        cluster.connected("127.0.0.1:9").__enter__()


def test_an_address_that_is_none_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with pytest.raises(HarnessError, match=r"^No connection to a Ray cluster at nonsense: .*nonsense$"):
        cluster.connected("nonsense").__enter__()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--ray-address auto", "are for --engine ray"),
        ("--gpus-per-run 0.5", "are for --engine ray"),
        ("--engine ray --gpus-per-run 0.5 --slots-per-gpu 2", "set the same thing"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(nodes, capsys, flags, said):
    from harness.cli.main import main

    assert main(["run", "--arch", "lstm", "--task", "copy", *flags.split()]) == 2
    assert said in capsys.readouterr().err


def test_without_ray_the_way_to_install_it_is_told(monkeypatch, capsys):
    from harness.cli.main import main

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["run", "--arch", "lstm", "--task", "copy", "--engine", "ray"]) == 2
    assert "pip install 'rnn-harness[ray]'" in capsys.readouterr().err
