"""What tests in several folders share: folders made once a session, commands in processes of their own, small runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from filelock import FileLock

from harness.discovery import registry, source
from harness.record import CurvePoint, Record, Scores, Status
from harness.spec import RunSpec

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from harness.tracking.store import Store


@pytest.fixture(autouse=True, scope="session")
def stores_without_fsync() -> None:
    """SQLite does not wait for the disk in this process: a store of a test need not survive a loss of power."""
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def skip_fsync(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The models here are tiny, and threads that wait for a shared core make them many times slower."""
    torch.set_num_threads(1)


Made = Callable[[str, Callable[[Path], None]], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Fills a folder once for the whole session, however many workers pytest-xdist has."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a Python, this one unless told otherwise, in an environment where none of ours leaks through PYTHON*."""

    def run(
        *arguments: object, cwd: Path, executable: object = sys.executable, check: bool = True, path: object = ""
    ) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MLFLOW_", "PIP_"))}
        command = [str(executable), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=cwd, env={**environment, "PYTHONPATH": str(path)}, capture_output=True, text=True, timeout=300
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder; what is imported from it is forgotten again, and so is what was found out about it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    _forget()
    yield tmp_path
    _forget()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def _forget() -> None:
    registry._entry_points.cache_clear()
    source.fingerprint.cache_clear()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without records; making one takes seconds, copying it none."""
    from harness.tracking.connect import open_client

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_client(f"sqlite:///{path}")
    return path


@pytest.fixture
def store_uri(empty_store: Path, tmp_path: Path) -> str:
    """The address of a store of the test's own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def small() -> Callable[..., RunSpec]:
    """Makes specs of runs that take a moment: `small(task="adding", steps=3)`."""
    spec = RunSpec(
        "lstm",
        "copy",
        length=3,
        hidden_size=8,
        steps=6,
        batch_size=4,
        validate_every=3,
        validation_sequences=8,
        test_sequences=16,
        label="lstm",
        task_label="copy",
    )
    return lambda **changes: replace(spec, **changes)


@pytest.fixture
def store(store_uri: str) -> Store:
    """An empty store of the test's own."""
    from harness.tracking.store import Store

    return Store(store_uri)


@pytest.fixture
def client(store: Store) -> MlflowClient:
    """MLflow's own client of that store."""
    from mlflow.tracking import MlflowClient

    return MlflowClient(store.uri)


@pytest.fixture
def finished(small: Callable[..., RunSpec]) -> Callable[..., Record]:
    """Makes finished records: `finished(length=10, accuracy=0.5)`."""

    def make(accuracy: float = 0.5, status: Status = "ok", **changes: Any) -> Record:
        spec = small(**changes)
        scores = {spec.length: Scores(accuracy, 1.25, accuracy / 2)}
        scores |= {length: Scores(accuracy / 3, 2.5, 0.0) for length in spec.test_lengths}
        return Record(
            spec,
            status,
            "" if status == "ok" else "because",
            scores=scores if status == "ok" else {},
            chances=dict.fromkeys(scores, 0.125),
            curve=[CurvePoint(3, 2.0, 1.9, 0.2), CurvePoint(6, 1.5, 1.4, accuracy)],
            steps=6,
            steps_to_solve=3 if accuracy > 0.9 else None,
            seconds=1.5,
            tokens_per_second=1000.0,
            steps_per_sequence=23,
            parameters={"embedding": 0, "architecture": 100, "head": 10},
            state_size=16,
            solved_at=0.9,
            environment={"device": "cpu", "version.torch": "2"},
        )

    return make


@pytest.fixture
def loose_task(tmp_path: Path) -> str:
    """The path of a task file: recall the first token, one bit, after `length` steps."""
    path = tmp_path / "first_token.py"
    path.write_text(_FIRST_TOKEN)
    return str(path)


_FIRST_TOKEN = '''
"""One bit, shown first, is asked for at the last step."""
import torch
from harness import Batch, Classes, Task, Tokens


class FirstToken(Task):
    inputs, targets, readout = Tokens(4), Classes(2), "last"

    def sample(self, generator, batch_size, length):
        steps = torch.randint(2, 4, (batch_size, length), generator=generator)
        steps[:, 0] -= 2
        return Batch(steps, steps[:, :1].clone(), torch.ones(batch_size, 1, dtype=torch.bool))

    def chance(self, length):
        return 0.5
'''
