"""Two commands at work on one sweep at the same moment: they share it, and finish every run once."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from harness.tracking.store import Store

_LINE = (
    "run --arch rnn lstm --task copy --length 2,3,4 --seeds 2 --steps 100 --set hidden_size=4 --jobs 1"
    " --validation-sequences 8 --test-sequences 8"
)
_RUNS = 12


def share(start, uri):
    """Runs the sweep by two commands; what each said, and how many records each identity has."""
    both = [start(f"{_LINE} --tracking-uri {uri}") for _ in range(2)]
    said = [running.end() for running in both]
    counts = Counter(record.identity for _, record in Store(uri).records(["copy"]) if record.status == "ok")
    return said, counts


def test_each_run_is_finished_once(start, here):
    said, counts = share(start, f"sqlite:///{here}/mlflow.db")
    assert [one.code for one in said] == [0, 0], said
    assert len(counts) == _RUNS
    assert set(counts.values()) == {1}
    assert sum(one.err.count(": started") for one in said) == _RUNS


def _postgres() -> str | None:
    """The folder of PostgreSQL's programs."""
    found = [shutil.which("initdb"), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    return next((str(Path(path).parent) for path in found if path), None)


@pytest.fixture
def server(tmp_path_factory):
    """The address of MLflow's server with a PostgreSQL behind it, both started here and on loopback alone."""
    pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    programs = _postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here: apt install postgresql")
    folder = tmp_path_factory.mktemp("server")
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(_database(programs, folder))
        yield stack.enter_context(_tracking(database, folder))


@contextlib.contextmanager
def _database(programs, folder):
    user = _someone_else() if os.getuid() == 0 else {}  # PostgreSQL refuses to run as root
    data, port = folder / "data", _free_port()
    if user:
        shutil.chown(folder, user["user"], user["group"])
        for parent in list(folder.parents)[:3]:
            parent.chmod(parent.stat().st_mode | 0o111)
    initdb = [f"{programs}/initdb", "-D", data, "-U", "mlflow", "-A", "trust"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user)
    only_here = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    process = subprocess.Popen(
        [f"{programs}/postgres", "-D", data, "-p", str(port), *only_here],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **user,
    )
    try:
        _until(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close())
        yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def _tracking(database, folder):
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    artifacts = ["--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *artifacts],
            cwd=folder,
            env={**os.environ, **quiet},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close())
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def _someone_else():
    import pwd

    with contextlib.suppress(KeyError):
        return {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres")


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _until(answers, seconds=120):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return answers()
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < deadline
            time.sleep(0.3)


@pytest.mark.slow
def test_a_teams_server_is_shared(server, start, here):
    said, counts = share(start, server)
    assert [one.code for one in said] == [0, 0], said
    assert len(counts) == _RUNS
    assert set(counts.values()) == {1}
    again = start(f"{_LINE} --tracking-uri {server}").end()
    assert again.code == 0
    assert f"{_RUNS} of {_RUNS} runs were finished before" in again.err
    assert "accuracy" in start(f"show {next(iter(counts))} --tracking-uri {server}").end().out
