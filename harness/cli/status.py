"""`harness status`: the progress of a sweep, and the causes of failures."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_json, add_store, add_sweep
from harness.cli._runs import OUTDATED, unreadable_message
from harness.process import interrupt
from harness.record import FAILED, WORTH_A_RETRY

if TYPE_CHECKING:
    from rich.console import RenderableType

    from harness.tracking.store import Store
    from harness.tracking.sweep_status import SweepStatus

_COLUMNS = ("planned", "ok", "failed", "refused", "running", "missing", "outdated")
_POLL_SECONDS = 2.0
_MOST_FAILURES = 20


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "status",
        help="progress of a sweep, and causes of failures",
        description="Counts the runs of a sweep by status, and shows the causes of failures.",
        epilog="examples:\n  harness status\n  harness status --watch\n  harness status --sweep 1f3a --json",
    )
    add_sweep(parser)
    parser.add_argument("--watch", action="store_true", help="update every two seconds until no run is running")
    add_store(parser)
    add_json(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import load_status

    store = existing(arguments.tracking_uri)
    if arguments.watch and not arguments.json:
        return _watch(store, arguments.sweep)
    now = load_status(store, arguments.sweep)
    if arguments.json:
        print(json.dumps(_as_json(now), indent=2))
    else:
        from rich.console import Console

        Console().print(_shown(now))
    return 0


def _watch(store: Store, name: str | None) -> int:
    from rich.live import Live

    from harness.tracking.sweep_status import load_status

    interrupt.raise_as_exception()
    now = load_status(store, name)
    try:
        with Live(_shown(now), auto_refresh=False) as live:
            while now.running or store.drivers():
                time.sleep(_POLL_SECONDS)
                now = load_status(store, now.sweep.name)
                live.update(_shown(now), refresh=True)
    finally:
        print()  # rich leaves the cursor in the table's last line
    if not now.running and now.missing:
        print("No command is running this sweep.", file=sys.stderr)
    return 0


def _shown(now: SweepStatus) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = [(task, label, _counts(row)) for task, label, row in now.rows()]
    used = [name for name in _COLUMNS if name in ("planned", "ok", "missing") or any(row[name] for *_, row in rows)]
    table = Table()
    for name in ("task", "architecture", *used):
        table.add_column(name, justify="left" if name in ("task", "architecture") else "right")
    for task, label, row in rows:
        table.add_row(Text(task), Text(label), *(_cell(name, row[name]) for name in used))
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(now.sweep.began))
    name = f"{now.sweep.name} {now.sweep.title}".strip()
    title = Text(f"sweep {name}, begun {begun}: {now.sweep.command}")
    return Group(title, table, *(Text(line, style=style) for line, style in _notes(now)))


def _cell(name: str, number: int) -> Any:
    from rich.text import Text

    style = {"failed": "red", "missing": "yellow", "outdated": "yellow", "ok": "green"}.get(name, "")
    return Text(str(number) if number else "-", style=style if number else "dim")


def _notes(now: SweepStatus) -> list[tuple[str, str]]:
    """Failures with their causes, and the commands that continue."""
    notes = []
    failures = now.failures()
    for record in failures[:_MOST_FAILURES]:
        spec = record.spec
        run = f"{record.identity[:8]} {spec.label} on {spec.task_label}, length {spec.length_text}, seed {spec.seed}"
        notes.append((f"{run}: {record.status}: {record.reason}", "red"))
    if len(failures) > _MOST_FAILURES:
        notes.append((f"and {len(failures) - _MOST_FAILURES} more: harness status --json", "red"))
    if failures:
        notes.append((f"details: harness show {failures[0].identity[:8]}", "dim"))
    if any(record.status in WORTH_A_RETRY for record in failures):
        notes.append(("repeat failed runs: harness retry", "dim"))
    if now.unreadable:
        notes.append((unreadable_message(now.unreadable), "yellow"))
    if any(row["outdated"] for *_, row in now.rows()):
        notes.append((OUTDATED, "yellow"))
    if now.missing and now.sweep.command:
        notes.append((f"the rest: {now.sweep.command}", "dim"))
    return notes


def _counts(row: Counter[str]) -> Counter[str]:
    return row + Counter(failed=sum(row[status] for status in FAILED))


def _as_json(now: SweepStatus) -> dict[str, Any]:
    return {
        "sweep": now.sweep.name,
        "command": now.sweep.command,
        "rows": [{"task": task, "architecture": label, **_counts(row)} for task, label, row in now.rows()],
        "missing": [vars(run) for run in now.missing],
        "unreadable": now.unreadable,
        "failures": [
            {
                "identity": record.identity,
                "task": record.spec.task_label,
                "architecture": record.spec.label,
                "length": record.spec.length,
                "seed": record.spec.seed,
                "status": record.status,
                "reason": record.reason,
            }
            for record in now.failures()
        ],
    }
