"""One session: a first look at everything, then fresh processes of pytest-benchmark that time it in turns."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.bench import suite_file
from harness.bench.measurement import Measurement
from harness.bench.preflight import pass_seconds, preflights
from harness.bench.request import Request
from harness.errors import HarnessError
from harness.process.parent_death import DRIVER_PID
from harness.process.temp_files import temp_prefix
from harness.training import device as devices

_REQUEST = "HARNESS_BENCH_REQUEST"
_OTHERS = ("PYTEST_", "PYTHONPATH", "PYTHONSTARTUP", "COVERAGE_", "COV_")  # settings of somebody else's tests
_LOAD = 60.0  # seconds that the imports of a process may take
_PATIENCE = 20.0  # times what the rounds should take

Say = Callable[[str], None]


def measure(request: Request, say: Say, limit: float) -> Measurement:
    """Looks and times; what fails is a row with its reason. `limit`: seconds for each look.

    Where the request says how long a call takes, that decides how often it is called in a turn: two sessions that are
    compared must take the best of equally many.
    """
    found = []
    for look in preflights(request, limit):
        found.append(look)
        say(f"  {look.label} T={look.length}: {look.reason or 'works'}{f' ({look.kernel})' if look.kernel else ''}")
    seconds = pass_seconds(found)
    given = {key: value for key, value in request.seconds.items() if key in seconds}
    request = replace(request, seconds={**seconds, **given})
    sessions = []
    for number in range(1, request.processes + 1 if request.seconds else 1):
        about = request.seconds_in_all() / request.processes
        rounds = "1 round" if request.rounds == 1 else f"{request.rounds} rounds"
        passes = "1 pass" if len(request.seconds) == 1 else f"{len(request.seconds)} passes in turn"
        say(f"process {number} of {request.processes}: {rounds} of {passes}, about {about:.0f} s")
        session, reason = _session(request)
        sessions += [session] if session else []
        if reason:
            found = [replace(one, reason=one.reason or reason, status="error") for one in found]
            break
    return Measurement(request, found, sessions, environment(request))


def _session(request: Request) -> tuple[dict[str, Any] | None, str]:
    """What pytest-benchmark wrote, or why it did not; failed cells are in its list of what went wrong."""
    with tempfile.TemporaryDirectory(prefix=temp_prefix("bench")) as name:
        folder = Path(name)
        asked, written = folder / "request.json", folder / "benchmark.json"
        asked.write_text(request.to_json())
        limit = _LOAD + _PATIENCE * (request.seconds_in_all() / request.processes + 10)
        try:
            done = subprocess.run(
                _command(request, folder, written),
                cwd=folder,
                env=_environment_of(os.environ, request, asked),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return None, f"the timing took longer than {limit:.0f} s"
        if not written.exists() or not written.stat().st_size:
            return None, _cause(done)
        session: dict[str, Any] = json.loads(written.read_text())
        session["failures"] = _failures(done.stdout)
        return session, ""


def _command(request: Request, folder: Path, written: Path) -> list[str]:
    """pytest that sees no configuration, no conftest.py and no plugin but pytest-benchmark's."""
    alone = ["-c", os.devnull, "--rootdir", str(folder), "--confcutdir", str(folder), "--noconftest"]
    plugins = ["-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "--import-mode=importlib"]
    timer = "time.process_time" if uses_cpu_time(request) else "time.perf_counter"
    kept = ["--benchmark-json", str(written), "--benchmark-timer", timer, "--benchmark-disable-gc"]
    shown = ["-q", "--tb=line", "--no-header", "--benchmark-quiet", "-rN"]
    return [sys.executable, "-P", "-m", "pytest", str(suite_file()), *alone, *plugins, *kept, *shown]


def uses_cpu_time(request: Request) -> bool:
    """Whether CPU time is what is measured: on one thread it is the time that a machine with nothing else to do takes.

    A GPU, or several threads, are timed by the clock on the wall.
    """
    return request.device == "cpu" and request.threads == 1


def _environment_of(ours: Mapping[str, str], request: Request, asked: Path) -> dict[str, str]:
    kept = {name: value for name, value in ours.items() if not name.startswith(_OTHERS)}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(request.threads))
    driver = {DRIVER_PID: str(os.getpid())}  # that it ends with
    return {**kept, **threads, **driver, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", _REQUEST: str(asked)}


def _cause(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"the process that timed it ended with signal {-done.returncode}"
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    raise HarnessError(f"pytest-benchmark ended with exit code {done.returncode}: {said[-1] if said else 'no word'}")


def _failures(said: str) -> list[str]:
    """The lines in which pytest tells, one a failure, what went wrong."""
    return [line for line in said.splitlines() if ": " in line and "Error" in line]


def environment(request: Request) -> dict[str, str]:
    """What must be the same for two sessions to be comparable, and where and with what they were."""
    device = devices.pick(request.device)
    there = devices.environment(device)
    return {
        **there,
        "cpu": devices.cpu_name(),
        "cores": str(devices.cores()),
        "threads": str(request.threads),
        "denormals_flushed": "true",
        "timer": "CPU time" if uses_cpu_time(request) else "clock",
        "node": platform.node(),
    }
