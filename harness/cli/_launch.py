"""What the verbs that train share: they execute a sweep, show its result and return the exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.wording import runs_are
from harness.cli._exit_codes import INTERRUPTED
from harness.discovery import registry
from harness.process import interrupt
from harness.sweeps.place import Place

if TYPE_CHECKING:
    from harness.engines import Engine
    from harness.spec import SweepSpec
    from harness.sweeps.driver import Rules
    from harness.sweeps.execute import Outcome


@dataclass(frozen=True)
class Work:
    """A sweep to execute, the command that asks for it, and the identities to run (None: those that are missing)."""

    sweep: SweepSpec
    command: str
    only: Set[str] | None = None
    title: str = ""  # a name for the sweep


def begin(arguments: argparse.Namespace) -> None:
    """Refuses flags that exclude each other, and starts the imports that take seconds, in the workers too."""
    place = place_of(arguments)
    place.refuse()
    if not arguments.quiet:
        print("loading torch, Lightning and MLflow ...", file=sys.stderr, flush=True)
    place.prepare()


def carry_out(arguments: argparse.Namespace, asked: Callable[[], Work]) -> int:
    """Executes a sweep, shows its result, and returns the exit code."""
    from harness.tracking.address import resolve_uri

    uri = resolve_uri(arguments.tracking_uri)
    with contextlib.redirect_stdout(sys.stderr), cluster(arguments):  # whatever a plugin prints is not the result
        planned, outcome = execute_work(arguments, uri, asked)
    _show(outcome, arguments, uri, planned)
    return _exit_code(outcome)


def rules(arguments: argparse.Namespace) -> Rules:
    """How a sweep is carried out, from the flags."""
    from harness.sweeps.driver import Rules

    return Rules(arguments.retry, arguments.max_failures, shared=arguments.reuse != "none")


def execute_work(arguments: argparse.Namespace, uri: str, asked: Callable[[], Work]) -> tuple[int, Outcome]:
    """Executes a sweep with progress on standard error: the number of planned runs, and the outcome."""
    from harness.sweeps.execute import SweepRequest, execute
    from harness.sweeps.plan import plan
    from harness.sweeps.progress import Quiet, display
    from harness.tracking.store import Store

    work = asked()
    sweep, left_out = loadable(arguments, work.sweep)
    runs = plan(sweep)
    engine = engine_of(arguments)
    store = Store(uri)
    interrupt.raise_as_exception()
    with Quiet() if arguments.quiet else display() as shown:
        request = SweepRequest(
            sweep,
            runs,
            work.command,
            work.title,
            reuse=arguments.reuse,
            rules=rules(arguments),
            only=work.only,
            learning_curves="whole" if arguments.json else "none",
        )
        outcome = execute(request, engine, store, shown)
    outcome.left_out = left_out
    return len(runs), outcome


def loadable(arguments: argparse.Namespace, sweep: SweepSpec) -> tuple[SweepSpec, int]:
    """The sweep without architectures that cannot be imported, and how many those are.

    Engine inline is for debugging: it loads everything in this process.
    """
    if arguments.engine == "inline":
        return sweep, 0
    from harness.sweeps.trial_load import leave_out_broken

    rest, left_out = leave_out_broken(sweep)
    for _, message in left_out:
        print(f"harness: left out: {message}", file=sys.stderr)
    return rest, len(left_out)


def place_of(arguments: argparse.Namespace) -> Place:
    """Where the runs are executed, from the flags."""
    return Place(**{field.name: vars(arguments)[field.name] for field in fields(Place)})


def cluster(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """What an engine needs while it lives; made before the imports that take seconds, as it may not be there."""
    return place_of(arguments).connected()


def engine_of(arguments: argparse.Namespace) -> Engine:
    """The engine that the flags ask for."""
    return place_of(arguments).make_engine()


def _show(outcome: Outcome, arguments: argparse.Namespace, uri: str, planned: int) -> None:
    """The result on standard output; the store and the next commands on standard error."""
    from harness.record import as_json
    from harness.report import Results
    from harness.tracking.outdated import outdated_runs

    if arguments.json:
        print(json.dumps([as_json(record) for record in outcome.records], indent=2, sort_keys=True))
    elif outcome.records:
        results = Results(outcome.records, outdated=outdated_runs(outcome.records))
        registry.find("report", "terminal").load()(results, Path.cwd())
    if arguments.quiet:
        return
    for line in _told(outcome, planned):
        print(line, file=sys.stderr)
    where = f" --tracking-uri {uri}" if arguments.tracking_uri else ""
    print(f"records: {uri}\nnext: harness report --open{where}", file=sys.stderr)


def _told(outcome: Outcome, planned: int) -> list[str]:
    """Facts about a sweep that its table does not show."""
    missing = planned - sum(record.status != "interrupted" for record in outcome.records)
    lines = {
        f"{runs_are(outcome.reused, planned, past=True)} finished before, and not run again.": outcome.reused,
        f"{runs_are(outcome.helped, planned, past=True)} finished by another command meanwhile.": outcome.helped,
        f"{runs_are(outcome.outdated, planned, past=True)} finished before with older plugin code.": outcome.outdated,
        f"{runs_are(outcome.elsewhere, planned)} being run by another command.": outcome.elsewhere,
        f"The sweep was stopped: {outcome.stopped}.": outcome.stopped,
        "The store takes no weights; everything else is recorded. --keep-weights none leaves them out. "
        f"({outcome.weights_trouble})": outcome.weights_trouble,
        f"{runs_are(missing, planned)} missing: the same command runs the rest.": missing,
    }
    return [line for line, counts in lines.items() if counts]


def _exit_code(outcome: Outcome) -> int:
    if outcome.interrupted:
        return INTERRUPTED
    statuses = {record.status for record in outcome.records}
    return 0 if statuses <= {"ok", "refused"} and "ok" in statuses and not outcome.left_out else 1
