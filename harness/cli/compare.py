"""`harness compare`: two architectures, or a sweep and an older one, compared seed by seed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._exit_codes import REGRESSION
from harness.cli._flags import add_store, add_sweep
from harness.cli._recorded import recorded
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.sweeps.arguments import many

if TYPE_CHECKING:
    from rich.table import Table

    from harness.analysis.comparison import ScoreChange
    from harness.analysis.summary import Summary
    from harness.report import Results

_EPILOG = """examples:
  harness compare lstm gru --task adding        # lstm minus gru
  harness report --format json --out .          # writes report-1f3a5c7e.json
  harness compare --baseline report-1f3a5c7e.json
  harness compare --baseline main.json --fail-on regression         # in CI

Scores are compared by seed: accuracy from 0 (chance) to 1 (perfect), mean over
the lengths that both have. A difference counts when a permutation test finds it
at the 5% level, corrected for the number of comparisons (Holm). With --baseline
or --fail-on, and too few seeds for a test, it counts when every seed changes in
one direction and the mean by more than 0.02: an alarm for CI, not evidence.
exit codes: 0 success; 2 wrong usage; 3 with --fail-on regression: something is
worse (of two architectures the second), or is no longer measured
"""


_PLACE = {"better": "behind", "worse": "ahead of"}  # the first architecture, by the verdict on the second


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "compare",
        help="compare two architectures, or a sweep with an older one",
        description="Shows what is better, worse or not significantly different, and the evidence for it.",
        epilog=_EPILOG,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="two architectures, named as in the tables")
    many(parser, "--task", metavar="NAME", help="tasks to compare on (default: all of the sweep)")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="older sweep, from harness report --format json")
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
        raise HarnessError("There is nothing to compare: no seed and length in common.")
    _show(changes, arguments.baseline is not None)
    for task, name in gone:
        print(f"{task}: {name} is in the baseline and has no result now", file=sys.stderr)
    worse = gone or any(change.verdict == "worse" for change in changes)
    return REGRESSION if worse and arguments.fail_on else 0


def _since(arguments: argparse.Namespace) -> tuple[list[ScoreChange], list[tuple[str, str]]]:
    from harness.analysis.aggregation import summarise
    from harness.analysis.comparison import since
    from harness.analysis.results_json import read

    old = summarise(read(arguments.baseline))
    changes, gone = since(old, summarise(_results(arguments)))
    tasks = _tasks(old, arguments.task)
    return [one for one in changes if one.task in tasks], [key for key in gone if key[0] in tasks]


def _against(arguments: argparse.Namespace) -> list[ScoreChange]:
    from harness.analysis.aggregation import summarise
    from harness.analysis.comparison import against, by_name

    results = _results(arguments)
    summary = summarise(results)
    known = by_name(summary)
    for name in arguments.names:
        names = {label for _, label in known}
        if name not in names:
            newest = "" if arguments.sweep else ", the newest; --sweep NAME takes another"
            unknown = did_you_mean("architecture with a result called", name, names).removesuffix(".")
            raise UsageError(f"{unknown} (in sweep {results.title}{newest}).")
    asked = _tasks(summary, arguments.task)
    tasks = [task for task in asked if all((task, name) in known for name in arguments.names)]
    for task in set(asked) - set(tasks):
        print(f"{task}: left out, since one of the two has no result", file=sys.stderr)
    return against(summary, arguments.names[0], arguments.names[1], tasks, guard=bool(arguments.fail_on))


def _results(arguments: argparse.Namespace) -> Results:
    """The results of the sweep that is meant; says on standard error which are of older plugin code."""
    from harness.analysis import verdict

    results = recorded(arguments)
    if older := verdict.outdated(results):
        print(older, file=sys.stderr)
    return results


def _tasks(summary: Summary, asked: Sequence[str] | None) -> list[str]:
    known = [task.label for task in summary.tasks]
    for name in asked or ():
        if name not in known:
            raise UsageError(did_you_mean("task in this sweep called", name, known))
    return list(dict.fromkeys(asked)) if asked else known


def _show(changes: Sequence[ScoreChange], with_baseline: bool) -> None:
    from rich.console import Console

    console = Console()
    for change in changes:
        console.print(_sentence(change, with_baseline), markup=False, highlight=False)
        if not with_baseline:
            console.print(_table(change))


def _sentence(change: ScoreChange, with_baseline: bool) -> str:
    if with_baseline:
        said = {"same": "as before", "better": "better", "worse": "WORSE"}[change.verdict]
        return f"{change.task}: {change.new.label} {said} ({change.reason}){_horizons(change)}"
    first, second = change.old.label, change.new.label
    if change.verdict == "same":
        return f"{change.task}: {first} and {second} cannot be told apart ({change.reason_of_pair})"
    return f"{change.task}: {first} is {_PLACE[change.verdict]} {second} ({change.reason_of_pair})"


def _horizons(change: ScoreChange) -> str:
    old, new = change.old.horizon, change.new.horizon
    return f"; solved up to {_length(old)} before, {_length(new)} now" if old != new else ""


def _length(horizon: int | None) -> str:
    return "no length" if horizon is None else f"T={horizon}"


def _table(change: ScoreChange) -> Table:
    from rich.table import Table
    from rich.text import Text

    old, new = change.old, change.new
    lengths = sorted(old.lengths.keys() | new.lengths.keys())
    table = Table()
    for column in ("length", *map(str, lengths)):
        table.add_column(column, justify="left" if column == "length" else "right")
    for one in (old, new):
        found = (one.lengths.get(length) for length in lengths)
        table.add_row(Text(one.label), *("-" if at is None else f"{at.mean:.1%}" for at in found))
    chances = {n: at.chance for n, at in (*old.lengths.items(), *new.lengths.items())}
    table.add_row(Text("chance", style="dim"), *(f"{chances[length]:.1%}" for length in lengths))
    return table
