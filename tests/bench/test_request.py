"""What is asked of a measurement, and in which turn it is measured."""

from __future__ import annotations

import json

import pytest

from harness.bench.request import LOOP, PASSES, PRODUCT, Request, whole_paths
from harness.spec import RunSpec

SPECS = tuple(RunSpec(name, "adding", 10, label=name) for name in ("rnn", "lstm"))
SECONDS = {f"{name}|10|{kind}": 0.01 for name in ("rnn", "lstm") for kind in PASSES}


def test_a_request_is_the_same_after_it_was_written_and_read():
    request = Request(SPECS, threads=2, seconds=SECONDS, typed={"arch": ["rnn"]})
    assert Request.from_json(request.to_json()) == request


def test_a_request_of_another_version_is_refused():
    content = {**json.loads(Request(SPECS).to_json()), "unknown": 1}
    with pytest.raises(TypeError):
        Request.from_json(json.dumps(content))


def test_every_cell_has_a_turn_in_every_round_right_after_the_reference():
    turns = list(Request(SPECS, rounds=3, seconds=SECONDS).turns())
    for index in range(3):
        kinds = [cell.kind for number, _, cell in turns if number == index]
        assert kinds[0] == PRODUCT
        assert kinds[1::2] == [LOOP] * 6
        assert kinds[2::2] == [*PASSES] * 2


def test_what_did_not_work_has_no_turn():
    seconds = {key: value for key, value in SECONDS.items() if key.startswith("rnn")}
    labels = {cell.label for _, _, cell in Request(SPECS, seconds=seconds).turns()}
    assert labels == {"rnn", PRODUCT, LOOP}


def test_short_calls_are_made_several_times_a_turn_and_long_ones_once():
    seconds = {**SECONDS, "rnn|10|step": 2.0, "rnn|10|forward": 1e-5}
    calls = {cell.key: cell.calls for cell in Request(SPECS, seconds=seconds).timed_passes()}
    assert calls["rnn|10|step"] == 1
    assert calls["rnn|10|backward"] == 3
    assert calls["rnn|10|forward"] == 20


def test_a_loose_file_is_named_from_the_root(tmp_path, monkeypatch):
    (tmp_path / "cell.py").touch()
    monkeypatch.chdir(tmp_path)
    spec = whole_paths(RunSpec("deep:./cell.py:Cell", "adding", 10))
    assert spec.architecture == f"deep:{tmp_path}/cell.py:Cell"
