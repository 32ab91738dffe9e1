"""Optuna's storage: a journal file, or a database by its address. Checked and repaired when it is opened."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import HarnessError, UsageError, one_line
from harness.tracking.address import sqlite_path
from harness.tracking.connect import say

optuna.logging.set_verbosity(optuna.logging.WARNING)

DEFAULT_NAME = "harness-tuning.journal"
_WAY_OUT = "Move it away, or name another one with --storage."
_SECONDS_FOR_A_LOCK = 10  # it is held for milliseconds; an older one is of a command that was killed
_SILENT_SECONDS = 1.0  # of waiting for a lock


def resolve(given: str | None, tracking_uri: str) -> str:
    """The storage's path or address: as given, else a file beside an embedded store, else in the working folder."""
    if given:
        return given
    database = sqlite_path(tracking_uri)
    beside = database.parent if database else Path.cwd()
    return str(beside / DEFAULT_NAME)


def open_storage(place: str) -> BaseStorage:
    """The storage at a path or an address, made where there is none; HarnessError for what is no Optuna storage."""
    try:
        return _database(place) if "://" in place else _journal(Path(place))
    except HarnessError:
        raise
    except (SQLAlchemyError, OSError, ImportError, ValueError, KeyError, TypeError) as error:
        raise HarnessError(f"The storage {without_password(place)} cannot be opened: {one_line(error)[:250]}") from None


def _journal(path: Path) -> BaseStorage:
    if path.exists() and path.stat().st_size and not _is_journal(path):
        raise HarnessError(f"{path} is not an Optuna journal. {_WAY_OUT}")
    if not path.parent.is_dir():
        raise HarnessError(f"The folder {path.parent} for the storage {path.name} does not exist.")
    path = path.absolute()  # a relative one in the lock, which is a link, would mean another file
    lock = _JournalLock(str(path))
    if path.exists():
        _drop_torn_lines(path, lock)
    return JournalStorage(JournalFileBackend(str(path), lock))


class _JournalLock(JournalFileSymlinkLock):
    """Optuna's lock of a journal, which says when it waits."""

    def __init__(self, path: str) -> None:
        super().__init__(path, _SECONDS_FOR_A_LOCK)
        self.path = path

    def acquire(self) -> bool:
        deadline = time.monotonic() + _SILENT_SECONDS
        while os.path.lexists(self._lock_file) and time.monotonic() < deadline:
            time.sleep(0.01)
        if os.path.lexists(self._lock_file) and not os.path.exists(self._lock_file):
            Path(self._lock_file).unlink(missing_ok=True)  # it leads nowhere: Optuna would try again for ever
        elif os.path.lexists(self._lock_file):
            say(
                f"{self._lock_file} locks the trials: another command writes them, or was killed; "
                f"it is removed if nothing is written for {_SECONDS_FOR_A_LOCK} s."
            )
        return super().acquire()


def _drop_torn_lines(path: Path, lock: _JournalLock) -> None:
    """Cuts a journal before its first line that is not whole, and keeps the rest in a file beside it.

    The machine stopped, or the disk was full, while the line was written. Optuna refuses such a journal. Later lines
    are cut off too: they were written by commands that had not read the torn one.
    """
    lock.acquire()
    try:
        whole = _length_of_whole_lines(path)
        if whole == path.stat().st_size:
            return
        rest = path.with_name(f"{path.name}.torn")
        with path.open("r+b") as journal, rest.open("ab") as kept:
            journal.seek(whole)
            kept.write(journal.read())
            journal.truncate(whole)
    finally:
        lock.release()
    say(f"the last lines of {path} were not whole; they are in {rest.name} now, and all trials before them are kept.")


def _length_of_whole_lines(path: Path) -> int:
    """In bytes, up to the first line that Optuna could not read."""
    length = 0
    with path.open("rb") as lines:
        for line in lines:
            try:
                is_whole = line.endswith(b"\n") and "op_code" in json.loads(line)
            except (ValueError, TypeError):
                is_whole = False
            if not is_whole:
                break
            length += len(line)
    return length


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
        raise HarnessError(
            f"{without_password(url)} is a database of something else, not an Optuna storage. {_WAY_OUT}"
        )
    return RDBStorage(url)


def without_password(place: str) -> str:
    """The address without the password that it may hold."""
    parts = urlsplit(place)
    return place.replace(f":{parts.password}@", ":***@") if "://" in place and parts.password else place
