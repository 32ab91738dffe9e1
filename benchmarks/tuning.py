"""What a search costs beside its trials, and what a second worker brings.

First the driver alone: trials on an engine that trains nothing and answers at once, with the default storage (a journal
file) and a new MLflow store on sqlite; printed is the time that one trial takes to be asked, recorded and told, with 8
validations that a pruner sees. Then real trials in worker processes, with one worker and with two, in turn, each search
from its beginning; printed is the ratio of trials per minute. Imports and the start of workers are left out: the clock
begins when the first trials have ended. On a machine with other work the ratio means little.

    python benchmarks/tuning.py                 # 40 answered at once, 12 real ones, 2 rounds
    python benchmarks/tuning.py --trials 6 --rounds 1
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path

from harness.engines import Engine
from harness.engines.local import Local
from harness.record import CurvePoint, Progress, Record
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.driver import Rules
from harness.tracking.store import Store
from harness.tuning.progress import Quiet
from harness.tuning.study import Search
from harness.tuning.tune import Tuning, studies_of, tune


class Answering:
    """An engine whose runs end at once, after eight validations."""

    capacity = 1

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, RunSpec]] = deque()

    def submit(self, key: str, spec: RunSpec) -> None:
        self.waiting.append((key, spec))

    def collect(self, listener):  # type: ignore[no-untyped-def]
        if not self.waiting:
            return []
        key, spec = self.waiting.popleft()
        listener.claim(key)
        record = Record(spec, "ok", chances={spec.length: 0.125}, environment={"device": "cpu"}, steps=spec.steps)
        for step in range(spec.validate_every, spec.steps + 1, spec.validate_every):
            record.curve.append(CurvePoint(step, 1.0, 1.0, spec.lr * 10))
            seen = tuple((point.step, point.validation_accuracy) for point in record.curve)
            listener.progressed(key, Progress(step, 1.0, 0.5, 0.0, seen))
        return [(key, record)]

    def stop(self, key: str) -> None: ...
    def cancel(self) -> None: ...


class Clock(Quiet):
    """When each trial ended, and what the driver had computed by then."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def landed(self, flight, state):  # type: ignore[no-untyped-def]
        self.ends.append((time.perf_counter(), time.process_time()))


def search(engine: Engine, trials: int, settings: dict[str, int], warm: int) -> tuple[float, float]:
    """Seconds per trial, of those after the first `warm`, and seconds that the driver computed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = SweepSpec(("lstm",), ("copy",), (20,), settings=settings, options={"hidden_size": ("64",)})
        tuning = Tuning(
            sweep, Search(trials + warm, prune="none"), {}, 0, 1, str(folder / "trials.journal"), folder / "tuned"
        )
        store, clock = Store(f"sqlite:///{folder / 'mlflow.db'}"), Clock()
        tuned = tune(tuning, studies_of(tuning, store.driver), engine, store, clock, Rules())
        assert not tuned.interrupted
        assert len(clock.ends) == trials + warm
    spent, computed = (last - first for first, last in zip(clock.ends[warm - 1], clock.ends[-1], strict=True))
    return spent / trials, computed / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answered", type=int, default=40, help="trials that are answered at once")
    parser.add_argument("--trials", type=int, default=12, help="real ones")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    overhead, computed = search(Answering(), arguments.answered, {"steps": 800, "validate_every": 100}, warm=2)
    print(f"driver, per trial: {1000 * overhead:.0f} ms, {1000 * computed:.0f} of them computing (wanted: under 100)")
    real = {"steps": 250, "validate_every": 125, "validation_sequences": 100}
    ratios = []
    for _ in range(arguments.rounds):
        (one, _), (two, _) = (search(Local("cpu", jobs), arguments.trials, real, warm=jobs) for jobs in (1, 2))
        ratios.append(one / two)
        print(f"one worker {60 / one:.1f} trials a minute, two {60 / two:.1f}: {ratios[-1]:.2f} times as many")
    print(f"two workers against one: {statistics.median(ratios):.2f} (wanted: 1.7 or more)")


if __name__ == "__main__":
    main()
