"""Opening an MLflow store safely: checked, created under a lock, waited for while locked, failures told in one line."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # else a server prints a line for each run

from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import HarnessError, StoreError, UsageError
from harness.process import interrupt
from harness.tracking.address import is_empty, sqlite_path, sqlite_uri

logging.getLogger("mlflow").setLevel(logging.WARNING)  # at INFO it logs every table that it creates
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # its errors reach us as exceptions too
logging.getLogger("alembic").setLevel(logging.WARNING)

SECONDS_FOR_A_LOCK = 60.0
"""How long a store's file that another process has locked is waited for."""

_SECONDS_BETWEEN_TRIES = 0.5
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_WAY_OUT = "Move it away, or name another store with --tracking-uri sqlite:///other.db."
_FAILURES = (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError)  # ImportError: a database's driver
_T = TypeVar("_T")


def open_client(uri: str) -> MlflowClient:
    """A client of a store that answers; creates an embedded store. Raises HarnessError with the way out."""
    path = sqlite_path(uri)
    try:
        if path is None:
            _check_address(uri)
            os.environ.setdefault(_RETRIES, "2")  # by default MLflow retries for four minutes without a message
            return wait_while_locked(lambda: _connect(uri), uri)
        _check_file(path)
        with FileLock(f"{path}.lock", timeout=SECONDS_FOR_A_LOCK):
            if is_empty(path):
                _create(path)
            # MLflow keeps connections by address, and a relative address means another file in another folder
            return wait_while_locked(lambda: _connect(sqlite_uri(path)), uri)
    except Timeout:
        raise HarnessError(
            f"Another process has been creating {path} for a minute; if none is, delete {path}.lock."
        ) from None
    except _FAILURES as error:
        raise HarnessError(f"The store {uri} cannot be opened: {_cause(error)}") from error


def ask(call: Callable[[], _T], uri: str) -> _T:
    """Calls MLflow: waits while the store is locked; raises StoreError, with the way out, for every other failure."""
    try:
        return wait_while_locked(call, uri)
    except _FAILURES as error:
        raise StoreError(
            f"The store {uri} failed: {_cause(error)}\n"
            "What it holds is kept. Remove the cause; the same command then runs the rest."
        ) from error


def wait_while_locked(call: Callable[[], _T], uri: str) -> _T:
    """Tries again for a minute, and says so, where another process has locked the store's file."""
    deadline = time.monotonic() + SECONDS_FOR_A_LOCK
    told = False
    while True:
        try:
            return call()
        except _FAILURES as error:
            if not _is_locked(error) or time.monotonic() >= deadline or interrupt.is_deferred():
                raise
            if not told:
                say(f"{uri} is locked by another process; waiting up to {SECONDS_FOR_A_LOCK:.0f} s ...")
                told = True
            time.sleep(_SECONDS_BETWEEN_TRIES)


def say(message: str) -> None:
    """Tells the person at the keyboard what the store does about something unexpected."""
    print(f"harness: {message}", file=sys.stderr, flush=True)


def artifact_location(uri: str) -> str | None:
    """Where artifacts of a new experiment go: beside an embedded store; a server decides for itself (None)."""
    path = sqlite_path(uri)
    return (path.parent / "mlartifacts").as_uri() if path else None


def _connect(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _check_address(uri: str) -> None:
    if urlsplit(uri).scheme in ("", "file") and not uri.startswith("databricks"):
        file = uri.removeprefix("file:")
        raise UsageError(f"{uri!r} is no address of a store: a file is sqlite:///{file}, a server http://host:port.")


def _create(path: Path) -> None:
    """Makes an embedded store in another folder first, so that an unfinished one is never taken for a store."""
    for leftover in path.parent.glob(f"{path.name}.*.new"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", suffix=".new", dir=path.parent) as folder:
        new = Path(folder) / path.name
        _connect(sqlite_uri(new))
        new.replace(path)


def _check_file(path: Path) -> None:
    """Refuses a file that is not an MLflow store, into which MLflow would write its tables."""
    if not path.parent.is_dir():
        raise HarnessError(f"The folder {path.parent} for the store {path.name} does not exist.")
    if not is_empty(path):
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
        tables = wait_while_locked(lambda: _tables(path), str(path))
    except sqlite3.DatabaseError as error:
        if _is_locked(error):
            raise
        raise HarnessError(f"{path} is not a readable database ({error}). {_WAY_OUT}") from None
    if tables and not {"alembic_version", "experiments"} <= tables:
        raise HarnessError(f"{path} is a database of something else, not an MLflow store. {_WAY_OUT}")


def _tables(path: Path) -> set[str]:
    """Not opened as read-only: an unfinished transaction of a command that was killed must be rolled back first."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
        return {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}


def _is_locked(error: Exception) -> bool:
    text = str(error)
    return "database is locked" in text or "database table is locked" in text


def _cause(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return textwrap.shorten(lines[0], 250, placeholder=" ...") if lines else type(error).__name__
