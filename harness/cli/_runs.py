"""Lists of runs, as `harness runs`, `show` and `status` print them."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.record import Record


OUTDATED = "outdated: the plugin's code has changed since; the same command trains these again"


def print_runs(records: list[Record], outdated: Container[str]) -> None:
    """A line for each run: first digits of its identity, what it is, its status or accuracy, and its date.

    `outdated`: identities of the runs to mark so.
    """
    for record in records:
        spec = record.spec
        what = f"{spec.label} on {spec.task_label}, length {spec.length_text}, seed {spec.seed}"
        result = record.status if record.accuracy is None else f"{record.accuracy:.1%}"
        mark = "  (outdated)" if record.identity in outdated else ""
        print(f"{record.identity[:8]}  {_date(record)}  {result:>13}  {what}{mark}")


def unreadable_message(unreadable: Mapping[str, str]) -> str:
    """What to say of records that could not be read: why, by MLflow id."""
    run_id, reason = next(iter(unreadable.items()))
    count = len(unreadable)
    return f"{count} record{'s' if count > 1 else ''} cannot be read; the first is MLflow run {run_id}: {reason}"


def _date(record: Record) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(record.began))
