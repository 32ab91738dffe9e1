"""Where studies are kept: a journal file, or any database by its address. Opened safely, failures told in one line."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import HarnessError, UsageError, one_line
from harness.tracking.connect import sqlite_path

optuna.logging.set_verbosity(optuna.logging.WARNING)

DEFAULT_NAME = "harness-tuning.journal"
_WAY_OUT = "Move it away, or name another one with --storage."


def resolve(given: str | None, tracking_uri: str) -> str:
    """The storage's path or address: as given, else a file beside an embedded store, else in the working folder."""
    if given:
        return given
    database = sqlite_path(tracking_uri)
    beside = database.parent if database else Path.cwd()
    return str(beside / DEFAULT_NAME)


def opened(place: str) -> BaseStorage:
    """The storage at a path or an address, made where there is none; HarnessError for what is no Optuna storage."""
    try:
        return _database(place) if "://" in place else _journal(Path(place))
    except HarnessError:
        raise
    except (SQLAlchemyError, OSError, ImportError, ValueError, KeyError, TypeError) as error:
        raise HarnessError(f"The storage {shown(place)} cannot be opened: {one_line(error)[:250]}") from None


def _journal(path: Path) -> BaseStorage:
    if path.exists() and path.stat().st_size and not _is_journal(path):
        raise HarnessError(f"{path} is not an Optuna journal. {_WAY_OUT}")
    if not path.parent.is_dir():
        raise HarnessError(f"The folder {path.parent} for the storage {path.name} does not exist.")
    return JournalStorage(JournalFileBackend(str(path)))


def _is_journal(path: Path) -> bool:
    """Whether the first line is an operation, as Optuna writes them."""
    with path.open("rb") as lines:
        try:
            return "op_code" in json.loads(lines.readline(10_000))
        except (ValueError, TypeError):
            return False


def _database(url: str) -> BaseStorage:
    """Optuna would write its tables into any database: one that holds others is refused."""
    if urlsplit(url).scheme in ("http", "https", "file"):
        raise UsageError(f"{url!r} is no storage: a file is a path, a database postgresql://... or sqlite:///file.")
    engine = create_engine(url)
    try:
        tables = set(inspect(engine).get_table_names())
    finally:
        engine.dispose()
    if tables and not {"studies", "trials"} <= tables:
        raise HarnessError(f"{shown(url)} is a database of something else, not an Optuna storage. {_WAY_OUT}")
    return RDBStorage(url)


def shown(place: str) -> str:
    """Without the password that an address may hold."""
    parts = urlsplit(place)
    return place.replace(f":{parts.password}@", ":***@") if "://" in place and parts.password else place
