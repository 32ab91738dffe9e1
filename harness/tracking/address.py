"""Addresses of stores. Imports no MLflow, which takes a second."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote

DEFAULT_URI = "sqlite:///mlflow.db"


def resolve_uri(given: str | None) -> str:
    """The address of the store: as given, else MLFLOW_TRACKING_URI, else mlflow.db in the working folder."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI


def exists(uri: str) -> bool:
    """Whether there is a store to read. A server is assumed to be there. Nothing is created."""
    path = sqlite_path(uri)
    return path is None or not is_empty(path)


def sqlite_path(uri: str) -> Path | None:
    """The file of an embedded store; None for a server or another database.

    A percent sign stands for itself unless it begins an escape such as %3F, as SQLAlchemy and MLflow have it.
    """
    prefix, address = "sqlite:///", uri
    if not address.startswith(prefix):
        return None
    return Path(unquote(address.removeprefix(prefix), errors="surrogateescape")).absolute()


def sqlite_uri(path: Path) -> str:
    """The address of an embedded store, for MLflow; what has a meaning in addresses (? # %) is escaped.

    For `sqlite:` MLflow makes the folder of the address without undoing the escapes; for the same with the name of the
    driver it makes none.
    """
    escaped = quote(str(path), safe="/ ", errors="surrogateescape")
    return f"sqlite:///{path}" if escaped == str(path) else f"sqlite+pysqlite:///{escaped}"


def is_empty(path: Path) -> bool:
    """Whether there is no file, or one without content."""
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)
