"""The dashboard: a server on loopback that leaves nothing behind, and a page that shows accuracy against length."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import HarnessError
from harness.record import CurvePoint, Record, Scores
from harness.spec import RunSpec
from harness.tracking import dashboard
from harness.tracking.curves import write_curves
from harness.tracking.store import Store

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PATIENCE = 120  # seconds


@pytest.fixture(scope="module")
def store(empty_store, tmp_path_factory):
    """The address of a store with two architectures, two seeds and three lengths on copy."""
    path = tmp_path_factory.mktemp("dashboard") / "mlflow.db"
    shutil.copy(empty_store, path)
    kept, records = Store(f"sqlite:///{path}"), []
    for label, slope in (("lstm", 0.1), ("gru", 0.3)):
        for seed, (step, length) in ((s, at) for s in range(2) for at in enumerate((10, 30, 100))):
            spec = RunSpec(label, "copy", length=length, seed=seed, steps=2, label=label, task_label="copy")
            scores = {length: Scores(1 - slope * step - 0.02 * seed, loss=0.1, exact_match=0.5)}
            record = Record(
                spec, status="ok", scores=scores, chances={length: 0.125}, curve=[CurvePoint(2, 1.0, 1.0, 0.5)], steps=2
            )
            run_id = kept.start(spec, "a sweep")
            kept.finish(run_id, record)
            records.append(record)
    write_curves(kept, records, "a sweep")
    return kept.uri


class Served:
    """`harness dashboard`, started."""

    def __init__(self, store, folder):
        # a proxy that the environment names cannot reach this machine's loopback
        self.mark = uuid.uuid4().hex
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": "", "HARNESS_TEST_MARK": self.mark}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.cli.main", "dashboard", "--tracking-uri", store],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.process.stderr.read()
        self.port = int(re.search(r":(\d+)/", self.address)[1])

    def stop(self):
        """Presses Ctrl-C; what was said on stderr."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.communicate(timeout=PATIENCE)[1]

    def processes(self):
        """Command lines of it and of what it started, as far as they are there."""
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if process.name.isdigit() and self.mark.encode() in (process / "environ").read_bytes():
                    yield (process / "cmdline").read_text().replace("\0", " ")


@pytest.fixture(scope="module")
def served(store, tmp_path_factory):
    running = Served(store, tmp_path_factory.mktemp("served"))
    yield running
    if running.process.poll() is None:
        running.stop()


def listening(port):
    """The addresses, in the system's hexadecimal, at which somebody listens on a port."""
    rows = [line.split() for file in ("tcp", "tcp6") for line in _lines(Path("/proc/net") / file)]
    ports = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, number in ports if int(number, 16) == port}


def _lines(path):
    return path.read_text().splitlines()[1:] if path.exists() else []


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are not listed here")
def test_it_answers_on_loopback_alone(served):
    assert served.address.startswith(f"http://127.0.0.1:{served.port}/#/experiments/")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{served.port}/", timeout=PATIENCE) as page:
        assert b"MLflow" in page.read()
    assert listening(served.port) == {"0100007F"}


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no chromium here")
def test_a_browser_shows_accuracy_against_length_with_a_line_for_each_architecture(served, tmp_path):
    lines = [f"{label} (accuracy_by_length)" for label in ("lstm", "gru", "chance")]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:  # the browser's clock runs ahead of the server: it may look too early
        page = rendered(served.address, tmp_path)
        if all(line in page for line in lines):
            break
    assert all(line in page for line in lines), page
    assert "Which one remembers longer?" in page
    names = set(re.findall(r"(?:lstm|gru) [A-Z]?\w*=\w+(?: seed=\d)?", page))
    assert names == {f"{label} seed={seed}" for label in ("lstm", "gru") for seed in range(2)}
    assert re.search(r"\b5\s+matching runs", page)


def rendered(address, folder):
    """The text of a page after its scripts have run."""
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync"
    flags = [f"--{flag}" for flag in ("headless", "no-sandbox", *quiet.split())]
    flags += [
        f"--user-data-dir={folder}",
        "--virtual-time-budget=30000",
        "--window-size=1500,1400",
        "--no-proxy-server",
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run([CHROMIUM, *flags, "--dump-dom", address], capture_output=True, text=True, timeout=60)
        dom = re.sub(r"<(script|style).*?</\1>", "", done.stdout, flags=re.DOTALL)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", dom))
    return ""


def test_ctrl_c_stops_it_and_leaves_nothing_behind(served):
    assert len(list(served.processes())) > 1
    said = served.stop()
    assert not list(served.processes())
    assert (served.process.returncode, said) == (
        0,
        "starting MLflow's page, about 15 seconds ...\nCtrl-C ends it.\nstopped\n",
    )
    assert not listening(served.port)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", served.port))


def test_a_port_in_use_is_told_at_once(store, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["dashboard", "--tracking-uri", store, "--port", str(port)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Port {port} cannot be used (Address already in use): choose another, or leave out --port." in said.err


def test_a_task_that_was_not_recorded_is_told(store, capsys):
    assert main(["dashboard", "--tracking-uri", store, "--task", "copi"]) == 2
    assert "No recorded task 'copi'. Did you mean 'copy'?" in capsys.readouterr().err


def test_a_server_that_ends_at_once_says_why():
    with pytest.raises(HarnessError, match=r"MLflow's server ended with code \d+: "), dashboard.serving("nothing://"):
        pass
