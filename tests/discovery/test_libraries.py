"""Recurrent layers of libraries that know nothing of this one: which of them keep the contract, named by import."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("torchrecurrent==0.2.5", "ncps==1.0.1")
VERSIONS = {"torchrecurrent": "torchrecurrent 0.2.5", "ncps.torch": "ncps 1.0.1"}  # as the identity of a run has them
PIP = ("-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check")  # torch is here already

LAYERS = [
    "ATR",
    "AntisymmetricRNN",
    "BR",
    "CFN",
    "DSGU",
    "FastGRNN",
    "FastRNN",
    "GatedAntisymmetricRNN",
    "IndRNN",
    "IntersectionRNN",
    "JANET",
    "LEM",
    "LiGRU",
    "LightRU",
    "MCLSTM",
    "MGU",
    "MUT1",
    "MUT2",
    "MUT3",
    "MiRU1",
    "MiRU2",
    "MinimalRNN",
    "MultiplicativeLSTM",
    "NAS",
    "NBR",
    "OriginalLSTM",
    "PeepholeLSTM",
    "RAN",
    "ResLSTM",
    "SCRN",
    "SGRN",
    "SGU",
    "STAR",
    "TGRU",
    "TLSTM",
    "TRNN",
    "UGRNN",
    "UnICORNN",
    "WMCLSTM",
    "coRNN",
    "tauGRU",
]

# What does not pass: the promises it breaks, each with a part of what is said of it.
BROKEN = {
    "torchrecurrent:IntersectionRNN": {"is built from an input size and a hidden size": "input_size == hidden_size"},
    "ncps.torch:CfC": {"runs in bfloat16": "must have the same dtype"},
    "ncps.torch:LTC": {
        "moves to another device": "not on the expected device",
        "runs in bfloat16": "must give finite bfloat16 outputs",
        "learns to recall the first symbol": "it must learn to recall",
    },
}

# The checks of every class named, in one process: the import of torch is paid for once.
CHECKS = """
import json, sys
import torch
from harness.discovery.compose import compose
from harness.testing.architectures import check_architecture

torch.set_num_threads(1)
for name in sys.argv[1:]:
    composed = compose(name)
    found = check_architecture(lambda *sizes: composed.build(*sizes, max_length=16))
    broken = {one.promise: one.detail for one in found if one.status == "broken"}
    print(json.dumps([name, composed.code, broken]))
"""

LISTED = """
import json
import torchrecurrent
print(json.dumps([name for name in torchrecurrent.__all__ if not name.endswith("Cell")]))
"""


@pytest.fixture(scope="module")
def libraries(made_once: Callable[..., Path], python: Callable[..., Any]) -> Path:
    """The folder that both packages are installed into."""

    def install(target: Path) -> None:
        done = python(*PIP, "--target", target, *PACKAGES, cwd=target, check=False)
        if done.returncode:
            (target / "refused.txt").write_text(done.stderr.strip().splitlines()[-1])

    folder = made_once("libraries", install)
    if (folder / "refused.txt").exists():
        pytest.skip(f"the packages cannot be installed here: {(folder / 'refused.txt').read_text()}")
    return folder


@pytest.fixture
def broken(libraries: Path, python: Callable[..., Any], tmp_path: Path) -> Callable[..., dict[str, dict[str, str]]]:
    """The promises that each of some classes breaks, by name."""

    def examine(*names: str) -> dict[str, dict[str, str]]:
        lines = []
        for first in range(0, len(names), 6):  # a few at a time, for the time limit of a process
            done = python("-c", CHECKS, *names[first : first + 6], cwd=tmp_path, path=libraries)
            lines += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        for name, code, _ in lines:
            assert code.startswith(VERSIONS[name.partition(":")[0]]), name
        return {name: found for name, _, found in lines}

    return examine


@pytest.mark.slow
def test_all_layers_of_the_library_are_examined(libraries, python, tmp_path):
    listed = json.loads(python("-c", LISTED, cwd=tmp_path, path=libraries).stdout)
    assert sorted(listed) == sorted(LAYERS)


@pytest.mark.slow
def test_at_least_thirty_recurrent_layers_of_a_library_keep_the_contract(broken):
    found = broken(*(f"torchrecurrent:{layer}" for layer in LAYERS))
    assert len(found) == len(LAYERS)
    assert sum(not promises for promises in found.values()) >= 30
    assert_as_listed(found)


@pytest.mark.slow
def test_what_the_liquid_networks_of_a_library_break_is_as_listed(broken):
    found = broken("ncps.torch:CfC", "ncps.torch:LTC")
    assert len(found) == 2
    assert_as_listed(found)


def assert_as_listed(found: dict[str, dict[str, str]]) -> None:
    """What is broken is what `BROKEN` lists, for the reason that it gives."""
    for name, promises in found.items():
        listed = BROKEN.get(name, {})
        if "is built from an input size and a hidden size" in listed:
            promises = {key: promises[key] for key in listed}  # all others are broken for the same reason
        assert promises.keys() == listed.keys(), name
        for promise, reason in listed.items():
            assert reason in promises[promise], name
