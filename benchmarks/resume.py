"""What it takes to type a finished sweep again: planning and finding N runs in a store that holds them all.

    python benchmarks/resume.py --runs 1000 --runs 10000

The store is filled with made-up records, since training ten thousand would take days. Times are without imports; memory
is the process's highest, with them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time

ARCHITECTURES, TASKS, SEEDS = ("rnn", "lstm", "gru", "deep:gru", "bidirectional:lstm"), ("copy", "adding"), 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, action="append", help="default: 1000 and 10000")
    parser.add_argument("--resume", metavar="STORE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.resume:
        return resume(arguments.resume, arguments.runs[0])
    for runs in arguments.runs or [1000, 10_000]:
        with tempfile.TemporaryDirectory() as folder:
            uri = f"sqlite:///{folder}/mlflow.db"
            filled(uri, sweep(runs))
            again = [sys.executable, __file__, "--resume", uri, "--runs", str(runs)]
            for title in ("first time, curves drawn", "again"):
                said = subprocess.run(again, capture_output=True, text=True, check=True).stdout
                print(f"{runs} runs, {title}: {said.strip()}", flush=True)
    return None


def sweep(runs):
    from harness.spec import SweepSpec

    lengths = runs // (len(ARCHITECTURES) * len(TASKS) * SEEDS)
    return SweepSpec(ARCHITECTURES, TASKS, lengths=tuple(range(10, 10 + lengths)), seeds=SEEDS)


def filled(uri, asked) -> None:
    """A finished record for every run of the plan."""
    from filled import fill

    from harness.record import CurvePoint, Record, Scores
    from harness.sweeps.plan import plan
    from harness.tracking.store import Store

    runs, store = plan(asked), Store(uri)
    curve = [CurvePoint(step, 1.0, 1.0, 0.5) for step in range(100, 5001, 100)]
    end = {"curve": curve, "steps": 5000, "parameters": {"architecture": 1}, "state_size": 1}
    for task in TASKS:
        mine = [spec for spec in runs if spec.task == task]
        scores = Scores(0.5, 1.0, 0.0)
        fill(store, [Record(s, "ok", scores={s.length: scores}, chances={s.length: 0.1}, **end) for s in mine], "s")


class _Idle:
    """An engine that nothing may be left for."""

    def submit(self, key, spec):
        raise AssertionError(f"{spec} would be trained again")

    def collect(self, listener):
        return []

    def cancel(self): ...


def resume(uri: str, runs: int) -> None:
    """Types it again; in a process of its own, so that its memory is its own."""
    from harness.sweeps.execute import SweepRequest, execute
    from harness.sweeps.plan import plan
    from harness.sweeps.progress import Quiet
    from harness.tracking.store import Store

    began = time.perf_counter()
    asked = sweep(runs)
    planned = plan(asked)
    after_plan = time.perf_counter()
    outcome = execute(SweepRequest(asked, planned), _Idle(), Store(uri), Quiet())
    ended = time.perf_counter()
    assert outcome.reused == len(planned), "runs were trained that were there"
    figures = {
        "planned_s": round(after_plan - began, 2),
        "all_s": round(ended - began, 2),
        "memory_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
