"""Searches without training: an engine whose runs find what a rule says of their settings."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import pytest

from harness.record import CurvePoint, Progress, Record
from harness.spec import SweepSpec
from harness.sweeps.driver import Rules
from harness.tuning.progress import Quiet
from harness.tuning.study import Search
from harness.tuning.tune import Tuning, studies_of, tune

SETTINGS = {"steps": 100, "validate_every": 10, "batch_size": 4, "validation_sequences": 8}


def learned(spec, accuracy, status="ok", steps_to_solve=None):
    """A record whose accuracy rose evenly from chance, validation by validation."""
    steps = range(spec.validate_every, spec.steps + 1, spec.validate_every)
    curve = [CurvePoint(s, 1.0, 1 - accuracy, 0.125 + (accuracy - 0.125) * s / spec.steps) for s in steps]
    return Record(
        spec,
        status,
        "" if status == "ok" else "because",
        chances={spec.length: 0.125},
        curve=curve if status == "ok" else [],
        steps=spec.steps,
        steps_to_solve=steps_to_solve,
        seconds=1.0,
        environment={"device": "cpu"},
    )


def by_rate(spec):
    """Best at a learning rate of 0.003, whatever the seed."""
    return learned(spec, 0.9 - 0.2 * abs(math.log10(spec.lr / 0.003)))


class Scripted:
    """An engine whose runs end as a rule says, one after another, each told of validation by validation."""

    capacity = 1

    def __init__(self, rule):
        self.rule, self.waiting, self.stopped, self.ran = rule, deque(), set(), []

    def submit(self, key, spec):
        self.waiting.append((key, spec))

    def collect(self, listener):
        while self.waiting:
            key, spec = self.waiting.popleft()
            if listener.claim(key):
                listener.started(key)
                self.ran.append(spec)
                return [(key, self._told(key, self.rule(spec), listener))]
        return []

    def stop(self, key):
        self.stopped.add(key)

    def cancel(self):
        self.waiting.clear()

    def _told(self, key, record, listener):
        seen = []
        for point in record.curve:
            seen.append((point.step, point.validation_accuracy))
            listener.progressed(key, Progress(point.step, 1.0, seen[-1][1], 0.0, tuple(seen)))
            if key in self.stopped:
                return replace(record, status="pruned", curve=record.curve[: len(seen)], steps=point.step)
        return record


@pytest.fixture
def asked(tmp_path):
    """What a person asks for: `asked("lstm", "gru", trials=3, prune="none", confirm_seeds=1)`."""

    def make(*architectures, space=None, confirm_seeds=0, top=3, lengths=(3,), params=None, options=None, **search):
        sweep = SweepSpec(architectures or ("gru",), ("copy",), lengths, params=params, settings=SETTINGS)
        sweep = replace(sweep, options={"hidden_size": ("4",)} if params is None else {}, **(options or {}))
        search = Search(**{"trials": 3, "prune": "none", **search})
        journal = str(tmp_path / "trials.journal")
        return Tuning(sweep, search, space or {}, confirm_seeds, top, journal, tmp_path / "tuned")

    return make


@pytest.fixture
def searched(store):
    """Carries a search out; what became of it, and the engine that ran it."""

    def run(tuning, rule=by_rate, engine=None, **rules):
        engine = engine or Scripted(rule)
        studies = studies_of(tuning, store.driver)
        return tune(tuning, studies, engine, store, Quiet(), Rules(**rules)), engine

    return run
