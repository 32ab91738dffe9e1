"""Short runs as a sweep in worker processes, against the same runs one after another in a bare torch loop.

The bare loop is what a person would write for the same models, batches, clipping, validations and test: torch's kernels
(with `--loops` the compiled loops of our plugins), torch's Adam as it comes but for its rate and `beta2`, one process,
one thread (two with `--threads 2`), denormals flushed, the memory allocator as it comes, nothing recorded, nothing
shown. The sweep trains by Lightning, records everything in an MLflow store on sqlite and draws the curves. Both are
timed without imports, over steps too few for a run to be solved and end early. Rounds alternate, so that a change of
the machine's speed meets both alike; on a machine with other work no such ratio means much.

Printed are the ratio of throughputs; the CPU time of one run, bare and in a worker; the CPU time that the driver takes
for one run; and how much of the time workers were idle: asleep, neither computing nor waiting for a core, while runs
were left (so without the last ones, at whose end one worker has nothing to do). Linux only: the system's count is read.

    python benchmarks/sweep_throughput.py              # 40 runs of about 2 s, 2 workers, 2 rounds
    python benchmarks/sweep_throughput.py --runs 8 --rounds 1
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
from harness.plugins import _compiled

from harness.engines.local import Local
from harness.record import Record
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.execute import SweepRequest, execute
from harness.sweeps.plan import plan
from harness.sweeps.progress import Quiet
from harness.tracking.store import Store
from harness.training.build import build_model, build_task
from harness.training.data import batches
from harness.training.evaluate import evaluate

CPU = torch.device("cpu")
ARCHITECTURES = ("lstm", "gru")


def bare(runs: list[RunSpec], threads: int = 1, loops: bool = False) -> tuple[float, float]:
    """Seconds, and seconds of CPU, of the loop that a person would write, over the same runs."""
    begun, own = time.perf_counter(), time.process_time()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    with nullcontext() if loops else mock.patch.object(_compiled, "library", return_value=None):
        for spec in runs:
            _train_barely(spec)
    return time.perf_counter() - begun, time.process_time() - own


def _train_barely(spec: RunSpec) -> None:
    task = build_task(spec.task, spec.task_options)
    model = build_model(spec, task)
    optimizer = torch.optim.Adam(model.parameters(), spec.lr, betas=(0.9, spec.beta2))
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
    computed: dict[int, float] = field(default_factory=dict)  # by process: seconds
    waited: dict[int, float] = field(
        default_factory=dict
    )  # by process: seconds without a core, though it could compute
    seen: list[tuple[float, float]] = field(default_factory=list)  # seconds gone by, and those of all workers

    def ended(self, key: str, record: Record) -> None:
        assert record.status == "ok", record.reason
        for pid in (worker.process.process.pid or 0 for worker in self.engine.workers.values()):
            computed, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
            self.computed[pid], self.waited[pid] = int(computed) / 1e9, int(waited) / 1e9
        busy = sum(self.computed.values()) + sum(self.waited.values())
        self.seen.append((time.perf_counter() - self.begun, busy))

    def idle_share(self) -> float:
        """Of the workers' time until the first of them found nothing left to do."""
        seconds, busy = self.seen[-self.engine.jobs]
        return 1 - busy / seconds / self.engine.jobs


@dataclass
class Swept:
    """What a sweep took."""

    seconds: float
    computed: float  # seconds of CPU of all workers
    driver: float  # seconds of CPU of the driver
    idle: float  # share of the workers' time


def sweep(asked: SweepSpec, runs: list[RunSpec], jobs: int) -> Swept:
    with tempfile.TemporaryDirectory() as folder:
        store, engine = Store(f"sqlite:///{folder}/mlflow.db"), Local("cpu", jobs)
        watch = Watch(engine)
        own, begun = time.process_time(), time.perf_counter()
        execute(SweepRequest(asked, runs), engine, store, watch)
        seconds, own = time.perf_counter() - begun, time.process_time() - own
    return Swept(seconds, sum(watch.computed.values()), own, watch.idle_share())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=70)
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1, help="of the bare loop")
    parser.add_argument("--loops", action="store_true", help="the bare loop has our plugins' compiled loops too")
    asked = parser.parse_args()
    settings = {"steps": asked.steps, "validate_every": 50, "validation_sequences": 100, "test_sequences": 500}
    grid = SweepSpec(ARCHITECTURES, ("copy",), (asked.length,), asked.runs // len(ARCHITECTURES), settings=settings)
    few = SweepSpec(ARCHITECTURES, ("copy",), (2,), 2, settings={"steps": 5})
    bare(plan(few)), sweep(few, plan(few), asked.jobs)  # first calls pay for set-up, and the workers' server imports
    runs, ratios = plan(grid), []
    for number in range(asked.rounds):
        if number % 2:
            swept, (seconds, computed) = sweep(grid, runs, asked.jobs), bare(runs, asked.threads, asked.loops)
        else:
            (seconds, computed), swept = bare(runs, asked.threads, asked.loops), sweep(grid, runs, asked.jobs)
        ratios.append(seconds / swept.seconds)
        print(
            f"bare {seconds / len(runs):.2f} s a run ({computed / len(runs):.2f} of CPU), sweep "
            f"{swept.seconds / len(runs):.2f} ({swept.computed / len(runs):.2f} of CPU in a worker), "
            f"ratio {ratios[-1]:.2f}; driver {1000 * swept.driver / len(runs):.0f} ms of CPU a run, "
            f"workers idle {swept.idle:.1%}",
            flush=True,
        )
    print(f"{len(runs)} runs, {asked.jobs} workers: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
