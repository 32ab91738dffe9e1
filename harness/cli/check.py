"""`harness check NAME`: tests an architecture or a task against its contract."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import Any

from harness.cli._flags import add_json, add_kind
from harness.cli._say import say, silent
from harness.errors import UsageError
from harness.sweeps.arguments import completes, positive, whole
from harness.sweeps.flags import add_set
from harness.testing.findings import Finding, Promise
from harness.testing.isolated import NOT_CHECKED, Examination

_SECONDS = 30.0


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "check",
        help="test a plugin against its contract",
        description="Tests an architecture or a task against its contract, one promise at a time, and says how to mend "
        "each broken one. A plugin is a name, a file, or a class in a file; a plain nn.Module is allowed.",
        epilog="examples:\n  harness check ./my_cell.py\n  harness check ./my_cell.py:MyCell --set leak=0.5\n"
        "  harness check deep:gru adding\n"
        "  harness check ./my_cell.py --on copy --length 200\n\n"
        "exit codes: 0 all promises are kept; 1 one is broken, or all were skipped;\n2 wrong usage",
    )
    completes(
        parser.add_argument("names", nargs="+", metavar="NAME", help="architectures or tasks: names or ./file.py"),
        "architecture",
        "task",
    )
    add_kind(parser)
    add_set(parser)
    completes(
        parser.add_argument(
            "--on",
            metavar="TASK",
            help="also examine an architecture as a run on this task does, at the run's hidden_size and --length",
        ),
        "task",
    )
    parser.add_argument(
        "--length", type=whole(1), metavar="T", help="length of the task of --on (default: its longest usual one)"
    )
    parser.add_argument(
        "--timeout",
        type=positive(),
        default=_SECONDS,
        metavar="SECONDS",
        help=f"time limit of each promise (default: {_SECONDS:g})",
    )
    add_json(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    if arguments.length and not arguments.on:
        raise UsageError("--length is for a task: name it by --on TASK.")
    reports: list[dict[str, Any]] = []
    for name in arguments.names:
        if reports and not arguments.json:
            print()
        reports.append(_check(name, arguments))
    if arguments.json:
        print(json.dumps(reports, indent=2))
    return 0 if all(report["kept"] for report in reports) else 1


def _check(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Examines one plugin; prints each finding at once, unless JSON is wanted."""
    found: list[tuple[Promise, Finding]] = []
    tell = silent if arguments.json else partial(say, to=sys.stdout)
    options, limit = dict(arguments.options), arguments.timeout
    with Examination(name, arguments.kind, options, limit, arguments.on, arguments.length) as examination:
        tell(f"{examination.kind} {name}")
        for promise, finding in examination:
            new = finding.status != "broken" or all(finding.detail != other.detail for _, other in found)
            found.append((promise, finding))
            if new and not finding.detail.startswith(NOT_CHECKED):
                tell(_told(finding, "" if examination.cut_short else promise.way_out))
    findings = [finding for _, finding in found]
    tell(_summary(findings))
    return {
        "plugin": name,
        "kind": examination.kind,
        "kept": all(finding.status != "broken" for finding in findings),
        "promises": [
            {**asdict(finding), "says": promise.says, "way_out": promise.way_out} for promise, finding in found
        ],
    }


def _told(finding: Finding, way_out: str) -> str:
    """One finding: a line; for a broken promise also what was measured and the way out."""
    if finding.status == "kept":
        return f"  kept     {finding.promise}"
    if finding.status == "skipped":
        return _wrapped(f"  skipped  {finding.promise}: {finding.detail}")
    return "\n".join(
        [f"  BROKEN   {finding.promise}", *(_wrapped(f"{'':11}{part}") for part in (finding.detail, way_out) if part)]
    )


def _summary(findings: list[Finding]) -> str:
    """The findings that were not printed one by one, and the number of each status."""
    counts = Counter(finding.status for finding in findings)
    said = Counter(finding.detail for finding in findings if finding.status == "broken")
    lines = []
    for detail in (detail for detail, times in said.items() if times > 1):
        first, *others = [finding.promise for finding in findings if finding.detail == detail]
        lines.append(_wrapped(f"  BROKEN   for the reason given at {first!r}: {'; '.join(others)}"))
    left_out = [finding.detail for finding in findings if finding.detail.startswith(NOT_CHECKED)]
    if left_out:
        lines.append(_wrapped(f"           {len(left_out)} more {left_out[0]}"))
    numbers = ", ".join(f"{counts[status]} {status}" for status in ("kept", "broken", "skipped") if counts[status])
    return "\n".join([*lines, f"{len(findings)} promise{'s' * (len(findings) > 1)}: {numbers}"])


def _wrapped(text: str) -> str:
    width = max(40, shutil.get_terminal_size((120, 0)).columns)
    return textwrap.fill(text, width, subsequent_indent=" " * 11, break_on_hyphens=False, break_long_words=False)
