"""`harness retry`: repeats failed runs of a sweep as new attempts."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, get_args

from harness.analysis.wording import runs_are
from harness.cli import _flags
from harness.cli._launch import Work, begin, carry_out
from harness.cli._parse import Parser
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.record import WORTH_A_RETRY, Status
from harness.sweeps.arguments import many

if TYPE_CHECKING:
    from harness.tracking.sweep_status import SweepStatus


def add(verbs: Any) -> None:
    parser: Parser = verbs.add_parser(
        "retry",
        help="repeat failed runs of a sweep",
        description="Repeats failed runs as new attempts; the records of the old attempts are kept.",
        epilog="examples:\n  harness retry\n  harness retry --status error,timeout --timeout 600\n"
        "  harness retry --sweep 1f3a --status diverged",
    )
    many(parser, "--status", metavar="STATUS", help=f"statuses to repeat (default: {', '.join(WORTH_A_RETRY)})")
    _flags.add_sweep(parser)
    _flags.add_where(parser.add_argument_group("where and how"))
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    wanted = arguments.status or list(WORTH_A_RETRY)
    known = [status for status in get_args(Status) if status != "ok"]
    for status in wanted:
        if status not in known:
            raise UsageError(did_you_mean("status", status, known))
    begin(arguments)
    return carry_out(arguments, lambda: _asked(arguments, set(wanted)))


def _asked(arguments: argparse.Namespace, wanted: set[str]) -> Work:
    """The recorded sweep, and those of its runs that ended with a wanted status."""
    from harness.sweeps.plan import plan
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import load_status

    now = load_status(existing(arguments.tracking_uri), arguments.sweep)
    found = {key for key, stored in now.records.items() if stored.record.status in wanted}
    if not found:
        raise HarnessError(_nothing_to_retry(now, wanted))
    sweep = now.sweep.spec()
    changed = found - {spec.identity for spec in plan(sweep)}
    if len(changed) == len(found):
        raise HarnessError(f"The plugins' code has changed since: {now.sweep.command}")
    if changed:
        print(f"{runs_are(len(changed), len(found))} left out: the code of a plugin has changed.", file=sys.stderr)
    return Work(sweep, now.sweep.command, found - changed)


def _nothing_to_retry(now: SweepStatus, wanted: set[str]) -> str:
    """Says which failures there are instead, and how to repeat those."""
    others = sorted({record.status for record in now.failures()})
    message = f"Sweep {now.sweep.name} has no runs that ended with {', '.join(sorted(wanted))}"
    if others:
        statuses = ",".join(others)
        return f"{message}; others ended with {statuses}, which would end the same way: --status {statuses}."
    return f"{message}." + (f" Its missing runs: {now.sweep.command}" if now.missing else " None failed.")
