"""Whatever a plugin does to its process, the runs of others are as if it had not run."""

import importlib.util
import itertools
import sys
from pathlib import Path

import pytest
import torch

from harness.engines.inline import Inline
from harness.engines.local import Local
from harness.testing.engines import Heard, collect_all, reproducible

sys.path.append(str(Path(__file__).parents[1] / "third_party"))
from leaks import GROUPS, LASTING, LEAKS, source

MOMENTS = ("import", "constructor", "training")


def specs_of(folder, small, leaks):
    """For each of the leaks, given by name and source, a run that does it, then a built-in one at the same seed."""
    specs = {}
    for seed, (name, text) in enumerate(leaks.items()):
        file = folder / f"leak{seed}.py"
        file.write_text(text)
        specs[name] = small(architecture=str(file), seed=seed)
        specs[f"after {name}"] = small(architecture="rnn", label="rnn", seed=seed)
    return specs


def together():
    """All leaks of a group in one file, at each moment."""
    each = itertools.product(GROUPS, MOMENTS)
    return {f"{group} at {moment}": source(moment, *GROUPS[group].values()) for group, moment in each}


def one_by_one(moments):
    return {f"{name} at {moment}": source(moment, LEAKS[name]) for name, moment in moments}


def refuse_differences(engine, specs):
    """Asserts that the built-in runs are those that nothing else ran beside."""
    ours = {key: spec for key, spec in specs.items() if spec.architecture == "rnn"}
    expected = {
        key: reproducible(record) for key, record in collect_all(Inline(torch.device("cpu")), ours, Heard()).items()
    }
    records = collect_all(engine, specs, Heard())
    assert records.keys() == specs.keys()
    assert {key: reproducible(records[key]) for key in ours} == expected


def test_no_leak_reaches_the_runs_of_others(small, tmp_path):
    refuse_differences(Local("cpu", 2, timeout=60), specs_of(tmp_path, small, together()))


@pytest.mark.slow
def test_no_leak_by_itself_reaches_the_runs_of_others(small, tmp_path):
    leaks = one_by_one(itertools.product(LEAKS, MOMENTS))
    refuse_differences(Local("cpu", 2, timeout=60), specs_of(tmp_path, small, leaks))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: rnn-harness[ray]")
def test_no_leak_reaches_the_runs_of_others_on_ray(small, tmp_path):
    from harness.engines import cluster
    from harness.engines.ray import Ray

    with cluster.connected(cpus=2):
        refuse_differences(Ray(timeout=120), specs_of(tmp_path, small, together()))


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_plugin_sets_is_put_back_and_noted_so_that_its_next_run_is_the_same(small, tmp_path, moment):
    file = tmp_path / "sets.py"
    harmless = {name: action for name, action in LASTING.items() if name not in BREAKING}
    file.write_text(source(moment, *harmless.values()))
    specs = {time: small(architecture=str(file)) for time in ("first", "second")}
    records = collect_all(Local("cpu", 1, timeout=60), specs, Heard())
    first, second = (records[time] for time in ("first", "second"))
    assert first.status == "ok", first.reason
    assert {**reproducible(first), "notes": []} == {**reproducible(second), "notes": []}
    lost = {name for name in harmless if not any(note.startswith(name) for note in first.notes)}
    by_lightning = {"anomaly detection", "signal handlers"} if moment == "training" else set()  # put back by itself
    assert lost <= by_lightning


BREAKING = (
    "default dtype",
    "default dtype bfloat16",
    "autocast",
    "grad mode",
    "deterministic algorithms",
    "warnings filters",
)
"""A training does not get over these."""
