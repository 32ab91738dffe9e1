"""What every engine promises, as tests: subclass `EngineContract` and override its fixtures.

    class TestMine(EngineContract):
        @pytest.fixture
        def engine(self):
            return MyEngine()

Runs are given in the order in which they are submitted, records come back in any order, and none is ever lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from typing import Any

import pytest

from harness.record import TIMES, Progress, Record
from harness.spec import RunSpec

_OF_THE_MOMENT = (*TIMES, "environment", "spec")
"""Fields of a record that two executions of one run may differ in."""
_SECONDS_TO_GO = 5.0


class Heard:
    """A listener that notes what it hears; it refuses to claim some keys, as where another driver has them."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.refused = refused
        self.claimed: list[str] = []
        self.started_keys: list[str] = []
        self.unclaimed: list[str] = []  # started without having been claimed
        self.progress: list[tuple[str, Progress]] = []

    def claim(self, key: str) -> bool:
        self.claimed.append(key)
        return key not in self.refused

    def started(self, key: str) -> None:
        self.started_keys.append(key)
        if key not in self.claimed:
            self.unclaimed.append(key)

    def progressed(self, key: str, progress: Progress) -> None:
        self.progress.append((key, progress))


def collect_all(engine: Any, specs: dict[str, RunSpec], heard: Heard) -> dict[str, Record]:
    """Submits runs and collects until none is left; the records by key."""
    for key, spec in specs.items():
        engine.submit(key, spec)
    records: dict[str, Record] = {}
    while ended := engine.collect(heard):
        records.update(ended)
    return records


def reproducible(record: Record) -> dict[str, Any]:
    """The content of a record that is the same wherever and whenever a run is executed."""
    return {name: value for name, value in asdict(record).items() if name not in _OF_THE_MOMENT}


class EngineContract:
    """Override the fixtures: `engine`, `spec` (a run that takes a moment on the CPU) and `run_here`.

    An engine with processes of its own overrides `worker_processes` too.
    """

    @pytest.fixture
    def engine(self) -> Any:
        raise NotImplementedError("override the fixture `engine`: return an engine that computes on the CPU")

    @pytest.fixture
    def spec(self) -> RunSpec:
        raise NotImplementedError("override the fixture `spec`: return a run that takes a moment")

    @pytest.fixture
    def run_here(self) -> Callable[[RunSpec], Record]:
        raise NotImplementedError("override the fixture `run_here`: return harness.run.run on the CPU")

    @pytest.fixture
    def worker_processes(self) -> Callable[[Any], set[int]]:
        """Ids of the processes on this machine in which the engine executes runs; none where it starts none itself."""
        return lambda engine: set()

    def test_it_executes_at_least_one_run_at_once(self, engine: Any) -> None:
        assert engine.capacity >= 1

    def test_records_are_those_of_run_bit_for_bit(
        self, engine: Any, spec: RunSpec, run_here: Callable[[RunSpec], Record]
    ) -> None:
        specs = {str(seed): replace(spec, seed=seed) for seed in range(3)}
        expected = {key: reproducible(run_here(one)) for key, one in specs.items()}
        heard = Heard()
        records = collect_all(engine, specs, heard)
        assert {key: reproducible(record) for key, record in records.items()} == expected
        assert sorted(heard.started_keys) == sorted(specs)
        assert heard.unclaimed == []

    def test_without_runs_there_is_nothing_to_collect(self, engine: Any) -> None:
        assert engine.collect(Heard()) == []

    @pytest.mark.parametrize("refused", ["13", "0123"])
    def test_runs_that_another_driver_has_are_dropped(self, engine: Any, spec: RunSpec, refused: str) -> None:
        heard = Heard(refused)
        records = collect_all(engine, {str(seed): replace(spec, seed=seed) for seed in range(4)}, heard)
        assert sorted(records) == sorted(set("0123") - set(refused))
        assert heard.claimed == list("0123")
        assert heard.unclaimed == []
        assert not set(heard.started_keys) & set(refused)

    def test_a_run_that_fails_is_a_record_and_harms_no_other(self, engine: Any, spec: RunSpec) -> None:
        specs = {"fails": replace(spec, architecture="no_such_architecture"), "good": spec}
        records = collect_all(engine, specs, Heard())
        assert records["fails"].status == "error"
        assert "no_such_architecture" in records["fails"].reason
        assert "\n" not in records["fails"].reason
        assert records["good"].status == "ok"

    def test_a_run_that_is_stopped_ends_as_pruned(self, engine: Any, spec: RunSpec) -> None:
        class Stops(Heard):
            def progressed(self, key: str, progress: Progress) -> None:
                engine.stop(key)

        (record,) = collect_all(engine, {"long": replace(spec, steps=100_000)}, Stops()).values()
        assert record.status == "pruned"
        assert 0 < record.steps < 100_000

    def test_cancelling_starts_nothing_new_and_hands_back_what_had_ended(
        self, engine: Any, spec: RunSpec, worker_processes: Callable[[Any], set[int]]
    ) -> None:
        for seed in range(5):
            engine.submit(str(seed), replace(spec, seed=seed))
        first = engine.collect(Heard())
        processes = worker_processes(engine)
        engine.cancel()
        assert worker_processes(engine) == set()
        assert [process for process in processes if _lives(process)] == []
        rest = engine.collect(Heard())
        keys = [key for key, _ in [*first, *rest]]
        assert first
        assert len(set(keys)) == len(keys)
        assert {record.status for _, record in rest} <= {"ok", "interrupted"}
        assert engine.collect(Heard()) == []


def _lives(process: int) -> bool:
    """Whether a process with this id still exists after a few seconds: what is killed takes a moment to go."""
    deadline = time.monotonic() + _SECONDS_TO_GO
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True
