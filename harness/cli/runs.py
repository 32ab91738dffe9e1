"""`harness runs`: the runs in the store, newest first."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_json, add_store, add_sweep
from harness.cli._runs import OUTDATED, print_runs, unreadable_message
from harness.sweeps.arguments import whole

if TYPE_CHECKING:
    from harness.record import Record
    from harness.tracking.store import Store

_MOST = 50


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "runs",
        help="list the runs in the store",
        description="Lists runs, newest first: identity, what was trained, test accuracy and date. "
        "harness show IDENTITY shows one of them.",
        epilog="examples:\n  harness runs\n  harness runs --sweep 1f3a\n  harness runs --limit 1000 --json",
    )
    add_sweep(parser, default="those of all sweeps")
    parser.add_argument("--limit", type=whole(1), default=_MOST, metavar="N", help=f"at most N (default: {_MOST})")
    add_store(parser)
    add_json(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    from harness.tracking.outdated import outdated_runs
    from harness.tracking.store import existing

    store = existing(arguments.tracking_uri)
    found = list(itertools.islice(_records(store, arguments.sweep), arguments.limit + 1))
    shown = found[: arguments.limit]
    outdated = outdated_runs(shown)
    if arguments.json:
        print(json.dumps([_as_json(record, record.identity in outdated) for record in shown], indent=2))
        return 0
    print_runs(shown, outdated)
    if outdated:
        print(OUTDATED, file=sys.stderr)
    if len(found) > len(shown):
        print(f"and more: --limit {10 * arguments.limit}")
    if store.unreadable:
        print(unreadable_message(store.unreadable))
    return 0


def _records(store: Store, sweep: str | None) -> Iterator[Record]:
    from harness.tracking.sweep_status import load_status

    if sweep is not None:
        yield from (stored.record for stored in load_status(store, sweep).records.values())
        return
    found = [stored.record for stored in store.records(store.task_labels())]
    yield from sorted(found, key=lambda record: record.began, reverse=True)


def _as_json(record: Record, outdated: bool) -> dict[str, Any]:
    spec = record.spec
    return {
        "identity": record.identity,
        "architecture": spec.label,
        "task": spec.task_label,
        "length": spec.length,
        "seed": spec.seed,
        "status": record.status,
        "accuracy": record.accuracy,
        "began": record.began,
        "outdated": outdated,
    }
