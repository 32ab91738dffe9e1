"""What a report costs: seconds and megabytes from a store to each kind of file, for sweeps of growing size.

    python benchmarks/report.py --runs 100,1000

Records are made up, with learning curves of 50 points, and kept in a store in a temporary folder.
The seconds per run should not grow with the number of runs: records are read in batches, never one query a run.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from filled import fill

from harness.discovery import registry
from harness.record import CurvePoint, Record, Scores
from harness.spec import Planned, RunSpec, SweepSpec
from harness.tracking import sweep_log
from harness.tracking.store import Store
from harness.tracking.sweep_status import load_status

LENGTHS, SEEDS = (5, 10, 20, 50, 100, 200), 5


def made_up(number: int) -> Record:
    """The record of one run, ended well: the number decides architecture, length and seed."""
    number, seed = divmod(number, SEEDS)
    cell, place = divmod(number, len(LENGTHS))
    label, length = f"cell{cell}", LENGTHS[place]
    accuracy = 1 / (1 + (length / (30 + 5 * (cell % 7) + seed)) ** 2)
    curve = [CurvePoint(100 * n, 1 / n, 1 / n, accuracy * n / 50) for n in range(1, 51)]
    spec = RunSpec(label, "copy", length, seed, label=label, task_label="copy")
    scores = {length: Scores(accuracy, 1 - accuracy, accuracy)}
    return Record(
        spec, "ok", scores=scores, chances={length: 0.125}, curve=curve, solved_at=0.9, seconds=1.0, steps=5000
    )


def filled(folder: Path, runs: int) -> Store:
    store = Store(f"sqlite:///{folder / 'mlflow.db'}")
    records = [made_up(number) for number in range(runs)]
    plan = [Planned.of(record.spec) for record in records]
    with sweep_log.recording(store, "made-up", SweepSpec(("cell",), ("copy",)), "none", plan):
        fill(store, records, "made-up")
    return store


def measure(runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = filled(folder, runs)
        began = time.perf_counter()
        results = load_status(store, learning_curves=True).results()
        said = {"reading": time.perf_counter() - began}
        for kind in ("html", "csv", "json", "markdown"):
            began = time.perf_counter()
            registry.find("report", kind).load()(results, folder)
            said[kind] = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = "  ".join(
        f"{kind} {seconds:.2f} s ({1000 * seconds / runs:.1f} ms a run)" for kind, seconds in said.items()
    )
    print(f"{runs:,} runs: {times}; at most {most:.0f} MB so far")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="100,1000", help="how many, with commas")
    for count in map(int, parser.parse_args().runs.split(",")):
        measure(count)
