"""`harness sweeps`: every sweep in the store, newest first."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_json, add_store

if TYPE_CHECKING:
    from harness.tracking.sweep_status import SweepStatus


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "sweeps",
        help="list the sweeps in the store",
        description="Lists every sweep, newest first: name, date, size, the command, and what came out.",
        epilog="examples:\n  harness sweeps\n  harness sweeps --json\n  harness report --sweep 1f3a    # one of them",
    )
    add_store(parser)
    add_json(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import load_every_status

    found = load_every_status(existing(arguments.tracking_uri))
    if arguments.json:
        print(json.dumps([_as_json(status) for status in found], indent=2))
    else:
        print("\n\n".join(_text(status) for status in found))
    return 0


def _as_json(status: SweepStatus) -> dict[str, Any]:
    sweep = status.sweep
    return {
        "name": sweep.name,
        "title": sweep.title,
        "began": sweep.began,
        "command": sweep.command,
        "planned": len(sweep.planned),
        "missing": len(status.missing),
        "verdict": _verdict(status),
    }


def _text(status: SweepStatus) -> str:
    sweep = status.sweep
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep.began))
    planned, missing = len(sweep.planned), len(status.missing)
    size = f"{planned} run{'s' if planned != 1 else ''}" + (f", {missing} missing" if missing else "")
    name = f"{sweep.name}  {sweep.title}" if sweep.title else sweep.name
    return "\n".join([f"{name}  {date}  {size}", *(f"  {line}" for line in (sweep.command, *_verdict(status)) if line)])


def _verdict(status: SweepStatus) -> list[str]:
    """The headline of each task."""
    from harness.analysis.aggregation import summarise
    from harness.analysis.verdict import headline

    results = status.results()
    return [headline(task) for task in summarise(results).tasks] if results.records else []
