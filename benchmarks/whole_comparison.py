"""A whole comparison by `harness run`, against the script that a person would write (`plain.py`).

Both train rnn, lstm and gru on adding (T=200) and copy (T=100) with the same steps, batch, sizes, validations, tests
and number of seeds, each as the commands that a person types, imports and start-up included; rounds alternate. The
harness does more in its time: it keeps records, checks every model and draws the curves.

    python benchmarks/whole_comparison.py                      # 3 seeds, 300 steps, 1 round: some 4 minutes
    python benchmarks/whole_comparison.py --seeds 1 --steps 100 --rounds 3

What the difference comes from is shown by taking one thing after another from the plain script's disadvantages: with
`--flush` it flushes denormals, with `--threads 1` it computes with one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def plain(steps: int, seeds: int, flush: bool, threads: int | None) -> float:
    """Seconds of the script; `flush` and `threads` are set round it."""
    setup = "import torch; torch.set_flush_denormal(True); " if flush else ""
    run = f"{setup}import runpy; runpy.run_path('plain.py', run_name='__main__')"
    environment = {**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
    command = [sys.executable, "-c", run, "--steps", str(steps), "--seeds", str(seeds)]
    return _seconds(command, HERE, environment)


def harness(steps: int, seeds: int) -> float:
    """Seconds of the two commands, with a store of their own that is there already."""
    with tempfile.TemporaryDirectory() as folder:
        cli = [sys.executable, "-m", "harness.cli.main", "run", "--quiet", "--arch", "rnn,lstm,gru"]
        common = ["--steps", str(steps), "--seeds", str(seeds)]
        make_store = [*cli, "--task", "adding", "--length", "4", "--steps", "1", "--engine", "inline"]
        _seconds(make_store, Path(folder), dict(os.environ))
        tasks = (["--task", "adding", "--length", "200"], ["--task", "copy", "--length", "100"])
        return sum(_seconds([*cli, *task, *common], Path(folder), dict(os.environ)) for task in tasks)


def _seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--flush", action="store_true", help="the plain script flushes denormals")
    parser.add_argument("--threads", type=int, help="of the plain script")
    asked = parser.parse_args()
    ratios = []
    for number in range(asked.rounds):
        jobs = [
            lambda: plain(asked.steps, asked.seeds, asked.flush, asked.threads),
            lambda: harness(asked.steps, asked.seeds),
        ]
        first, second = (job() for job in (jobs[::-1] if number % 2 else jobs))
        script, ours = (second, first) if number % 2 else (first, second)
        ratios.append(ours / script)
        print(f"plain script {script:.0f} s, harness {ours:.0f} s, ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
