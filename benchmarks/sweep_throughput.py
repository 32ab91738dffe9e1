"""Short runs as a sweep in worker processes, against the same runs one after another in a bare torch loop.

The bare loop is what a person would write with the same models, batches, optimizer, clipping, validations and test: one
process, one thread, denormals flushed, nothing recorded, nothing shown, no Lightning. The sweep trains, records all of it
in an MLflow store on sqlite and draws the curves. Both are timed without imports, and on steps that none of the runs
would end before. Rounds alternate, so that a change of the machine's speed meets both alike.

Printed are the ratio of throughputs, the CPU time that the driver takes for one run, and how much of the time workers
were idle: asleep, neither computing nor waiting for a core, while runs were left (so without the last ones, at whose end
one worker has nothing to do). Linux only: the system's own count is read.

    python benchmarks/sweep_throughput.py              # 40 runs of about 2 s, 2 workers, 2 rounds
    python benchmarks/sweep_throughput.py --runs 8 --rounds 1
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from harness.cli.progress import Quiet
from harness.device import computing
from harness.engines.local import Local
from harness.evaluate import batches, evaluate
from harness.record import Record
from harness.run import build_model, build_task
from harness.spec import RunSpec, SweepSpec
from harness.sweep import execute, plan
from harness.track import Store
from harness.train import make_optimizer

CPU = torch.device("cpu")
ARCHITECTURES = ("lstm", "gru")


def bare(runs: list[RunSpec]) -> float:
    """Seconds of the loop that a person would write, over the same runs."""
    begun = time.perf_counter()
    with computing(CPU):
        for spec in runs:
            _train_barely(spec)
    return time.perf_counter() - begun


def _train_barely(spec: RunSpec) -> None:
    task = build_task(spec.task, spec.task_options)
    model = build_model(spec, task)
    optimizer = make_optimizer(model, spec)
    sizes = [spec.batch_size] * spec.steps
    for step, batch in enumerate(batches(task, spec.seed, "train", spec.length, sizes), 1):
        optimizer.zero_grad()
        model.loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip)
        optimizer.step()
        if step % spec.validate_every == 0:
            evaluate(model, task, spec.seed, "validation", spec.length, spec.validation_sequences, CPU)
    evaluate(model, task, spec.seed, "test", spec.length, spec.test_sequences, CPU)


@dataclass
class Watch(Quiet):
    """Reads the system's count of what the workers did each time that a run has ended."""

    engine: Local
    begun: float = field(default_factory=time.perf_counter)
    busy: dict[int, float] = field(default_factory=dict)  # by process: seconds of computing and of waiting for a core
    seen: list[tuple[float, float]] = field(default_factory=list)  # seconds gone by, and those of all workers

    def ended(self, key: str, record: Record) -> None:
        assert record.status == "ok", record.reason
        for worker in self.engine.workers.values():
            computed, waited, _ = Path(f"/proc/{worker.process.pid}/schedstat").read_text().split()
            self.busy[worker.process.pid or 0] = (int(computed) + int(waited)) / 1e9
        self.seen.append((time.perf_counter() - self.begun, sum(self.busy.values())))

    def idle_share(self) -> float:
        """Of the workers' time until the first of them found nothing left to do."""
        seconds, busy = self.seen[-self.engine.jobs]
        return 1 - busy / seconds / self.engine.jobs


def sweep(asked: SweepSpec, runs: list[RunSpec], jobs: int) -> tuple[float, float, float]:
    """Seconds; milliseconds of the driver's CPU for one run; share of the time that workers were idle."""
    with tempfile.TemporaryDirectory() as folder:
        store, engine = Store(f"sqlite:///{folder}/mlflow.db"), Local("cpu", jobs)
        watch = Watch(engine)
        own, begun = time.process_time(), time.perf_counter()
        execute(asked, runs, engine, store, watch)
        seconds, own = time.perf_counter() - begun, time.process_time() - own
    return seconds, 1000 * own / len(runs), watch.idle_share()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--length", type=int, default=50)
    asked = parser.parse_args()
    settings = {"steps": asked.steps, "validate_every": 50, "validation_sequences": 100, "test_sequences": 500}
    grid = SweepSpec(ARCHITECTURES, ("copy",), (asked.length,), asked.runs // len(ARCHITECTURES), settings=settings)
    few = SweepSpec(ARCHITECTURES, ("copy",), (2,), 2, settings={"steps": 5})
    bare(plan(few)), sweep(few, plan(few), asked.jobs)  # first calls pay for set-up, and the workers' server imports
    runs, ratios = plan(grid), []
    for number in range(asked.rounds):
        if number % 2:
            (seconds, work, idle), one_by_one = sweep(grid, runs, asked.jobs), bare(runs)
        else:
            one_by_one, (seconds, work, idle) = bare(runs), sweep(grid, runs, asked.jobs)
        ratios.append(one_by_one / seconds)
        print(
            f"bare {one_by_one / len(runs):.2f} s a run, sweep {seconds / len(runs):.2f}, ratio {ratios[-1]:.2f}; "
            f"driver {work:.0f} ms a run, workers idle {idle:.1%}",
            flush=True,
        )
    print(f"{len(runs)} runs, {asked.jobs} workers: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
