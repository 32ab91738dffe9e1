"""The command line as a person meets it: in this process where that shows the same, else in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.cli.main import main

_PATIENCE = 120  # seconds; imports alone take ten where other tests share the cores


class Said(NamedTuple):
    """What a command that has ended leaves behind."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def harness() -> Callable[[str], Said]:
    """Runs a command line in this process."""

    def call(line: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(shlex.split(line))
        return Said(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def refused(harness: Callable[[str], Said]) -> Callable[..., str]:
    """Runs what must be refused in at most three lines, with nothing printed as a result; what it said."""

    def run(line: str, code: int = 2) -> str:
        said = harness(line)
        assert (said.code, said.out) == (code, "")
        complaint = said.err.removeprefix("loading torch, Lightning and MLflow ...\n")
        assert len(complaint.splitlines()) <= 3
        assert "Traceback" not in complaint
        return complaint

    return run


@pytest.fixture
def here(folder: Path, empty_store: Path) -> Path:
    """A working folder with an empty store in it."""
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


class Running:
    """`harness` in a process group of its own, as in a terminal."""

    def __init__(self, line: str, folder: Path, **options: object) -> None:
        self.mark = f"HARNESS_TEST_MARK={uuid.uuid4().hex}"
        self.said = folder / f"{uuid.uuid4().hex}.stderr"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        with self.said.open("wb") as stderr:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("harness")), *shlex.split(line)],
                cwd=folder,
                env={**environment, **dict([self.mark.split("=")])},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
                **options,  # type: ignore[call-overload]
            )

    def wait_for(self, text: str, where: Callable[[], str] | None = None) -> None:
        """Returns when stderr (or what `where` reads) holds a text."""
        deadline = time.monotonic() + _PATIENCE
        while text not in (where or self.said.read_text)():
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.said.read_text()}"
            assert self.process.poll() is None, f"ended before {text!r}: {self.said.read_text()}"
            time.sleep(0.02)

    def press(self, sign: signal.Signals = signal.SIGINT) -> None:
        """Signals the whole group, as a terminal does at Ctrl-C."""
        os.killpg(self.process.pid, sign)

    def end(self) -> Said:
        out, _ = self.process.communicate(timeout=_PATIENCE)
        return Said(self.process.returncode, out, self.said.read_text())

    def left_behind(self) -> list[int]:
        """Processes that this one started, or that those started, and that are still there."""
        deadline = time.monotonic() + 5  # the system takes a moment to end what has been told to end
        while (there := list(self._marked())) and time.monotonic() < deadline:
            time.sleep(0.1)
        return there

    def clean_up(self) -> None:
        for pid in self._marked():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.communicate()

    def _marked(self) -> Iterator[int]:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (process / "environ").read_bytes():
                    yield int(process.name)


@pytest.fixture
def start(here: Path) -> Iterator[Callable[..., Running]]:
    """Starts a command in the working folder `here`; whatever is left of it is killed in the end."""
    started: list[Running] = []

    def begin(line: str, **options: object) -> Running:
        started.append(Running(line, here, **options))
        return started[-1]

    yield begin
    for running in started:
        running.clean_up()
