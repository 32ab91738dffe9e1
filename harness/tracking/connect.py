"""Opening an MLflow store safely: checked, created under a lock, every failure told in one line."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import HarnessError, StoreError, UsageError

logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table it makes
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # its errors reach us as exceptions too
logging.getLogger("alembic").setLevel(logging.WARNING)

DEFAULT_URI = "sqlite:///mlflow.db"
_SECONDS_FOR_THE_LOCK = 60
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_WAY_OUT = "Move it away, or name another store with --tracking-uri sqlite:///other.db."
_FAILURES = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError)  # Import: a database's driver


def resolve_uri(given: str | None) -> str:
    """The address of the store: as given, else MLFLOW_TRACKING_URI, else mlflow.db in the working folder."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def opened(uri: str) -> MlflowClient:
    """A client for a store that answers; creates an embedded one. Raises HarnessError with the way out."""
    path = sqlite_path(uri)
    try:
        if path is None:
            _check_address(uri)
            os.environ.setdefault(_RETRIES, "2")  # MLflow is silent for four minutes otherwise; a driver waits aloud
            return _answering(uri)
        _check_file(path)
        with FileLock(f"{path}.lock", timeout=_SECONDS_FOR_THE_LOCK):
            if _is_empty(path):
                _create(path)
            return _answering(f"sqlite:///{path}")  # MLflow keeps connections by address: a relative one has no folder
    except Timeout:
        raise HarnessError(
            f"Another process has been creating {path} for a minute; if none is, delete {path}.lock."
        ) from None
    except _FAILURES as error:
        raise HarnessError(f"The store {uri} cannot be opened: {_cause(error)}") from error


def exists(uri: str) -> bool:
    """Whether there is a store to look into; of a server that is assumed. Nothing is created."""
    path = sqlite_path(uri)
    return path is None or not _is_empty(path)


@contextmanager
def failures_told(uri: str) -> Iterator[None]:
    """Turns whatever a store that could be opened raises later on into StoreError, with the way out."""
    try:
        yield
    except _FAILURES as error:
        raise StoreError(
            f"The store {uri} failed: {_cause(error)}\n"
            "What it holds is kept. Put the cause right (is the disk full?); the same command then runs the rest."
        ) from error


def sqlite_path(uri: str) -> Path | None:
    """The file of an embedded store; None for a server or another database."""
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def artifact_location(uri: str) -> str | None:
    """Where artifacts of a new experiment go: beside an embedded store; a server decides for itself (None)."""
    path = sqlite_path(uri)
    return (path.parent / "mlartifacts").as_uri() if path else None


def _answering(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _check_address(uri: str) -> None:
    if urlsplit(uri).scheme in ("", "file") and not uri.startswith("databricks"):
        file = uri.removeprefix("file:")
        raise UsageError(f"{uri!r} is no address of a store: a file is sqlite:///{file}, a server http://host:port.")


def _create(path: Path) -> None:
    """Makes an embedded store elsewhere first, so that one cut short is never taken for a store."""
    for leftover in path.parent.glob(f"{path.name}.*.new"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", suffix=".new", dir=path.parent) as folder:
        new = Path(folder) / path.name
        _answering(f"sqlite:///{new}")
        new.replace(path)


def _check_file(path: Path) -> None:
    """Refuses a file that is not an MLflow store before MLflow would write its tables into it."""
    if not path.parent.is_dir():
        raise HarnessError(f"The folder {path.parent} for the store {path.name} does not exist.")
    if not _is_empty(path):
        _check_tables(path)
    for file in (path, Path(f"{path}.lock")):
        try:
            if file != path or path.exists():
                file.open("ab").close()
        except OSError as error:
            raise HarnessError(
                f"The store {path} cannot be written ({error}): choose another place with --tracking-uri."
            ) from None


def _check_tables(path: Path) -> None:
    try:
        # not read-only: what was being written when a command was killed must be rolled back first
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
            tables = {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise HarnessError(f"{path} is not a readable database ({error}). {_WAY_OUT}") from None
    if tables and not {"alembic_version", "experiments"} <= tables:
        raise HarnessError(f"{path} is a database of something else, not an MLflow store. {_WAY_OUT}")


def _is_empty(path: Path) -> bool:
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def _cause(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return textwrap.shorten(lines[0], 250, placeholder=" ...") if lines else type(error).__name__
