"""`harness compare`: compares two architectures, or a sweep with an older one, seed by seed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._exit_codes import REGRESSION
from harness.cli._flags import add_store, add_sweep
from harness.cli._parse import many
from harness.cli._recorded import recorded
from harness.errors import HarnessError, UsageError, did_you_mean

if TYPE_CHECKING:
    from rich.table import Table

    from harness.analysis.comparison import Change
    from harness.analysis.summary import Summary

_EPILOG = """examples:
  harness compare lstm gru --task adding     # the second relative to the first
  harness report --format json --out .          # writes report-1f3a5c7e.json
  harness compare --baseline report-1f3a5c7e.json
  harness compare --baseline main.json --fail-on regression         # in CI

Scores are compared by seed: accuracy scaled to 0 at chance and 1 at perfection,
averaged over the lengths that both have. A difference counts if a permutation
test finds it at the 5 % level (Holm's correction). With too few seeds for a
test, it counts if all seeds agree and the mean differs by more than 0.02; that
is an alarm, not evidence.
exit codes: 0 success; 2 wrong usage; 3 with --fail-on regression: something is
worse, or is no longer measured
"""


_PLACE = {"better": "ahead of", "worse": "behind"}


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "compare",
        help="compare two architectures, or a sweep with an older one",
        description="Shows what is better, worse or not significantly different, and the evidence for it.",
        epilog=_EPILOG,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="two architectures, named as in the tables")
    many(parser, "--task", metavar="NAME", help="tasks to compare on (default: all of the sweep)")
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="older sweep, written by harness report --format json"
    )
    parser.add_argument("--fail-on", choices=["regression"], help="exit code 3 if something is worse")
    add_sweep(parser)
    add_store(parser)
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    if (len(arguments.names) != 2) == (arguments.baseline is None):
        raise UsageError("harness compare takes two architectures, or --baseline FILE.")
    gone: list[tuple[str, str]] = []
    if arguments.baseline:
        changes, gone = _since(arguments)
    else:
        changes = _against(arguments)
    if not changes and not gone:
        raise HarnessError("There is nothing to compare: the two have no seed and length in common.")
    _show(changes, arguments.baseline is not None)
    for task, name in gone:
        print(f"{task}: {name} is in the baseline and has no result now", file=sys.stderr)
    worse = gone or any(change.verdict == "worse" for change in changes)
    return REGRESSION if worse and arguments.fail_on else 0


def _since(arguments: argparse.Namespace) -> tuple[list[Change], list[tuple[str, str]]]:
    from harness.analysis.comparison import since
    from harness.analysis.results_json import read
    from harness.analysis.summary import summarise

    old = summarise(read(arguments.baseline))
    changes, gone = since(old, summarise(recorded(arguments)))
    tasks = _tasks(old, arguments.task)
    return [one for one in changes if one.task in tasks], [key for key in gone if key[0] in tasks]


def _against(arguments: argparse.Namespace) -> list[Change]:
    from harness.analysis.comparison import against, by_name
    from harness.analysis.summary import summarise

    summary = summarise(recorded(arguments))
    curves = by_name(summary)
    for name in arguments.names:
        known = {label for _, label in curves}
        if name not in known:
            raise UsageError(did_you_mean("architecture with a result called", name, known))
    asked = _tasks(summary, arguments.task)
    tasks = [task for task in asked if all((task, name) in curves for name in arguments.names)]
    for task in set(asked) - set(tasks):
        print(f"{task}: left out, since one of the two has no result", file=sys.stderr)
    return against(summary, arguments.names[0], arguments.names[1], tasks)


def _tasks(summary: Summary, asked: Sequence[str] | None) -> list[str]:
    known = [task.label for task in summary.tasks]
    for name in asked or ():
        if name not in known:
            raise UsageError(did_you_mean("task in this sweep called", name, known))
    return list(dict.fromkeys(asked)) if asked else known


def _show(changes: Sequence[Change], with_baseline: bool) -> None:
    from rich.console import Console

    console = Console()
    for change in changes:
        console.print(_sentence(change, with_baseline), markup=False, highlight=False, soft_wrap=True)
        if not with_baseline:
            console.print(_table(change))


def _sentence(change: Change, with_baseline: bool) -> str:
    if with_baseline:
        said = {"same": "as before", "better": "better", "worse": "WORSE"}[change.verdict]
        return f"{change.task}: {change.new.label} {said} ({change.reason}){_horizons(change)}"
    new, old = change.new.label, change.old.label
    if change.verdict == "same":
        return f"{change.task}: {new} and {old} cannot be told apart ({change.reason})"
    if not change.tested:  # all seeds agree, which is not a test
        return f"{change.task}: {new} is {_PLACE[change.verdict]} {old} in every seed ({change.reason})"
    return f"{change.task}: {new} is {change.verdict} than {old} ({change.reason})"


def _horizons(change: Change) -> str:
    old, new = change.old.horizon, change.new.horizon
    return f"; solved up to {_length(old)} before, {_length(new)} now" if old != new else ""


def _length(horizon: int | None) -> str:
    return "no length" if horizon is None else f"T={horizon}"


def _table(change: Change) -> Table:
    from rich.table import Table
    from rich.text import Text

    lengths = sorted(change.old.cells.keys() | change.new.cells.keys())
    table = Table()
    for column in ("length", *map(str, lengths)):
        table.add_column(column, justify="left" if column == "length" else "right")
    for curve in (change.old, change.new):
        cells = (curve.cells.get(length) for length in lengths)
        table.add_row(Text(curve.label), *("-" if cell is None else f"{cell.mean:.1%}" for cell in cells))
    chances = {**change.old.cells, **change.new.cells}
    table.add_row(Text("chance", style="dim"), *(f"{chances[length].chance:.1%}" for length in lengths))
    return table
