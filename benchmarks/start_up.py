"""From typing `harness run` to its end, for a run of one step, against the imports that it cannot do without.

Both as commands of their own, in turn; the store is there already. The harness imports in two processes at once, reads
the store, trains, tests and writes a record. What is on the screen first, and when, is timed as well.

    python benchmarks/start_up.py --rounds 7
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = [
    sys.executable,
    "-m",
    "harness.cli.main",
    "run",
    "--arch",
    "rnn",
    "--task",
    "copy",
    "--length",
    "5",
    "--steps",
    "1",
]
IMPORTS = [sys.executable, "-c", "import torch, pytorch_lightning, mlflow"]


def imports(folder: Path) -> float:
    """Seconds of the imports alone."""
    begun = time.perf_counter()
    subprocess.run(IMPORTS, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def harness(folder: Path) -> tuple[float, float]:
    """Seconds until something is to be read, and until the command has ended."""
    begun = time.perf_counter()
    command = [*RUN, "--reuse", "none"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        process.stdout.readline()
        first = time.perf_counter() - begun
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return first, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    ratios, firsts = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        harness(folder), imports(folder)  # makes the store, and warms the disk's cache
        for number in range(asked.rounds):
            if number % 2:
                bare, (first, whole) = imports(folder), harness(folder)
            else:
                (first, whole), bare = harness(folder), imports(folder)
            ratios.append(whole / bare)
            firsts.append(first)
            print(f"imports {bare:.2f} s; harness {whole:.2f} s, ratio {ratios[-1]:.2f}, first line {first:.2f} s")
    print(f"median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f}), ", end="")
    print(f"something to read after {statistics.median(firsts):.2f} s")


if __name__ == "__main__":
    main()
