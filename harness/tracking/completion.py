"""Names for the shell to complete, read from an embedded store's tables: importing MLflow takes a second."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from harness.tracking import tags
from harness.tracking.address import exists, resolve_uri, sqlite_path

_MOST = 200


def sweep_names(tracking_uri: str | None) -> list[str]:
    """Names of sweeps, and the names that persons gave them; empty for a server."""
    return _values([tags.SWEEP, tags.TITLE], tracking_uri)


def run_names(tracking_uri: str | None) -> list[str]:
    """Identities of runs; empty for a server."""
    return _values([tags.IDENTITY], tracking_uri)


def _values(keys: Sequence[str], tracking_uri: str | None) -> list[str]:
    path = sqlite_path(resolve_uri(tracking_uri))
    if path is None or not exists(resolve_uri(tracking_uri)):
        return []
    marks = ",".join("?" * len(keys))
    query = f"select distinct value from tags where key in ({marks}) order by rowid desc limit {_MOST}"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.2)) as database:
            return [row[0] for row in database.execute(query, list(keys))]
    except sqlite3.Error:
        return []  # a shell cannot show a message
