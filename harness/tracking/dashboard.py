"""MLflow's own page as our dashboard: a chart view prepared for each experiment, and the server that shows it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from harness.errors import HarnessError
from harness.tracking import tags as names
from harness.tracking.address import sqlite_path, sqlite_uri
from harness.tracking.tags import Kind, both, equals

VIEW = "harness"  # the name our view is stored under, in the tag `mlflow.sharedViewState.harness`
_CURVES = equals(names.KIND, Kind.CURVE)
_SECONDS_TO_START = 90

CHARTS = {
    "accuracy_by_length": "Accuracy by sequence length",
    "steps_to_solve_by_length": "Training steps until the threshold is reached, by sequence length",
    "exact_match_by_length": "Sequences right at every scored step, by sequence length",
    "loss_by_length": "Test loss by sequence length",
    "bits_by_length": "Bits for one answer (in a text: per character), by sequence length",
}


SEARCH_CHARTS = {
    "best_by_trial": "Best validation score so far, by trial",
    "score_by_trial": "Validation score, by trial",
    "expected_best_by_trials": "Expected best validation score, by number of trials",
}


def view_state(sweep: str) -> str:
    """What to store as the experiment tag `mlflow.sharedViewState.harness`.

    The curve runs of a sweep by architecture, mean over seeds, length on a logarithmic axis.
    """
    return _state(both(_CURVES, equals(names.SWEEP, sweep)), "Which one remembers longer?", CHARTS, "log")


def search_state() -> str:
    """The same for searches: what each of them found, by trial; two of one architecture are two lines."""
    query = equals(names.KIND, Kind.SEARCH)
    return _state(query, "What did tuning find?", SEARCH_CHARTS, "linear", grouped=False)


def _state(searched: str, title: str, charts: Mapping[str, str], scale: str, grouped: bool = True) -> str:
    """MLflow documents no format for this; a test holds it against the installed version in a real browser."""
    groups = {"aggregateFunction": "average", "groupByKeys": [{"mode": "param", "groupByData": "label"}]}
    return json.dumps(
        {
            "searchFilter": searched,
            "orderByKey": "attributes.start_time",
            "orderByAsc": False,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "datasetsFilter": [],
            "modelVersionFilter": "All Runs",
            "groupBy": groups if grouped else None,
            "useGroupedValuesInCharts": grouped,
            "runsHiddenMode": "FIRST_20_RUNS",
            "isAccordionReordered": False,
            "hideEmptyCharts": True,
            "compareRunSections": [_section(title)],
            "compareRunCharts": [_chart(metric, title, scale) for metric, title in charts.items()],
        }
    )


def address(server: str, experiment_id: str) -> str:
    """The page of an experiment, in the view that is prepared for it."""
    mode = "compareRunsMode=CHART&workflowType=machine_learning"
    return f"{server}/#/experiments/{experiment_id}/runs?{mode}&viewStateShareKey={VIEW}"


@contextmanager
def serving(uri: str, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Runs MLflow's server for a store on loopback while the context lasts; yields its address and its process."""
    port = _bindable(port)
    path = sqlite_path(uri)
    address = sqlite_uri(path) if path else uri
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with tempfile.TemporaryFile() as said:  # not a pipe: nobody reads it while the server runs
        server = subprocess.Popen(
            [*command, "--backend-store-uri", address],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the server and the workers it started
        )
        try:
            _wait(f"http://127.0.0.1:{port}", server, said)
            yield f"http://127.0.0.1:{port}", server
        finally:
            _stop(server)


def _section(title: str) -> dict[str, Any]:
    return {
        "uuid": "harness",
        "name": title,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
        "columns": 1,
        "cardHeight": 520,
    }


def _chart(metric: str, title: str, scale: str) -> dict[str, Any]:
    return {
        "uuid": metric,
        "type": "LINE",
        "deleted": False,
        "isGenerated": False,
        "metricSectionId": "harness",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "scaleType": "linear",
        "xAxisKey": "step",
        "xAxisScaleType": scale,
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "selectedXAxisMetricKey": "",
        "lineSmoothness": 0,
        "ignoreOutliers": False,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
        "displayName": title,
        "displayPoints": True,
    }


def _bindable(port: int) -> int:
    """The port itself, or a free one for 0; asked beforehand, since another server there would answer as ours."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was in use a moment ago is free
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise HarnessError(
                f"Port {port} cannot be used ({error.strerror}): choose another, or leave out --port."
            ) from None
        return int(listener.getsockname()[1])


def _wait(server: str, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach our loopback
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise HarnessError(f"MLflow's server ended with code {process.returncode}: {''.join(last)}")
        try:
            with direct.open(f"{server}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise HarnessError(f"MLflow's server did not answer within {_SECONDS_TO_START} s.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and its workers, at the latest after ten seconds: they share a process group of their own."""
    try:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, sign)
