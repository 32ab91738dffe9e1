"""Opening an MLflow store safely: checked, created under a lock, every failure told in one line."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path

from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from harness.errors import HarnessError

logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table it makes
logging.getLogger("alembic").setLevel(logging.WARNING)

DEFAULT_URI = "sqlite:///mlflow.db"
_SECONDS_FOR_THE_LOCK = 60


def resolve_uri(given: str | None) -> str:
    """The address of the store: as given, else MLFLOW_TRACKING_URI, else mlflow.db in the working folder."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def opened(uri: str) -> MlflowClient:
    """A client for a store that answers; creates an embedded one. Raises HarnessError with the way out."""
    path = sqlite_path(uri)
    try:
        if path is None:
            return _answering(uri)
        _check_file(path)
        with FileLock(f"{path}.lock", timeout=_SECONDS_FOR_THE_LOCK):
            return _answering(uri)
    except Timeout:
        raise HarnessError(
            f"Another process has been creating {path} for a minute; if none is, delete {path}.lock."
        ) from None
    except (MlflowException, OSError, sqlite3.Error) as error:
        raise HarnessError(f"The store {uri} cannot be opened: {_cause(error)}") from error


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


def _check_file(path: Path) -> None:
    """Refuses a file that is not an MLflow store before MLflow would write its tables into it."""
    if not path.parent.is_dir():
        raise HarnessError(f"The folder {path.parent} for the store {path.name} does not exist.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise HarnessError(f"The store {path} cannot be written: choose another place with --tracking-uri.")
    if not path.exists() or path.stat().st_size == 0:
        return
    way_out = "Move it away, or name another store with --tracking-uri sqlite:///other.db."
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            tables = {row[0] for row in database.execute("select name from sqlite_master where type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise HarnessError(f"{path} is not a readable database ({error}). {way_out}") from None
    if tables and not {"alembic_version", "experiments"} <= tables:
        raise HarnessError(f"{path} is a database of something else, not an MLflow store. {way_out}")


def _cause(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
