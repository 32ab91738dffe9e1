"""`harness inspect`: looks into trained models, training what is missing: why does it forget?"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _flags
from harness.cli._launch import Work, begin, cluster, execute_work
from harness.discovery import registry
from harness.errors import HarnessError, UsageError
from harness.sweeps.arguments import many
from harness.sweeps.asked import refuse_unknown_names
from harness.sweeps.flags import add_grid, add_training, sweep_of

if TYPE_CHECKING:
    from harness.inspection_record import Inspection
    from harness.record import Record
    from harness.report import Results
    from harness.tracking.store import Store, StoredRecord

_REPORTS = {"html": "inspection", "md": "markdown", "term": "terminal"}
_EPILOG = """examples:
  harness inspect --arch rnn,lstm,gru --task first_token --length 50
  harness inspect 1f3a5c7e 9b21d0aa           # runs that are on record
  harness inspect --arch lstm --task parentheses --length 40 --sequence "([{}])"
  harness inspect --arch ./my_cell.py,lstm --task copy --format html,csv,json

Runs that are not on record are trained first, as harness run would. Everything
is measured on sequences that were neither trained nor tested on.
"""


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "inspect",
        help="look inside trained models: gradients, states, gates",
        usage="harness inspect [RUN ...] [--arch NAME ... --task NAME ...] [flags]",
        description="Shows how far back gradients reach, what states keep, what can still be decoded from them, and "
        "which units follow what.",
        epilog=_EPILOG,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="identities of runs on record, or their first digits")
    parser.add_argument("--sequence", default="", metavar="TEXT", help="the sequence to show, in the task's symbols")
    many(parser, "--format", metavar="NAME", help="files: html (default), csv, json; term: none")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for the files (default: here)")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder for every figure as SVG and PDF")
    add_grid(parser, required=False)
    add_training(parser.add_argument_group("training, where a run is missing"))
    _flags.add_where(parser.add_argument_group("where and how"))
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    _refuse_flags(arguments)
    if arguments.arch:
        refuse_unknown_names(arguments.arch, arguments.task)
    begin(arguments)
    from harness.tracking.inspections import write_inspections
    from harness.training.task_text import task_texts

    with contextlib.redirect_stdout(sys.stderr):  # whatever a plugin prints is not the result
        results, store = _recorded(arguments) if arguments.runs else _trained(arguments)
        inspections = list(_inspected(results.records, store, arguments))
        write_inspections(store, inspections)
        asked = task_texts(results.records)
    results = replace(results, inspections=inspections, tasks=asked, command=arguments.typed, store=store.uri)
    for path in _reported(arguments, results):
        print(path)
    return 0


def _refuse_flags(arguments: argparse.Namespace) -> None:
    if arguments.runs and (arguments.arch or arguments.task):
        raise UsageError("harness inspect takes runs, or --arch and --task: leave one of them out.")
    if not arguments.runs and not (arguments.arch and arguments.task):
        raise UsageError("harness inspect needs runs (harness runs lists them), or --arch and --task.")
    if len(arguments.task or []) > 1:
        raise UsageError("harness inspect looks at one task at a time: --task NAME.")


def _recorded(arguments: argparse.Namespace) -> tuple[Results, Store]:
    """Runs by their names, with a digest of them as the title, that the files of other runs are not overwritten."""
    from harness.report import Results
    from harness.sweeps.execute import name_of_sweep
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_runs

    store = existing(arguments.tracking_uri)
    records = [record for _, record in find_runs(store, arguments.runs)]
    return Results(records, title=name_of_sweep(record.spec for record in records)), store


def _trained(arguments: argparse.Namespace) -> tuple[Results, Store]:
    """The runs of a sweep, with those that were missing trained."""
    from harness.report import Results
    from harness.tracking.address import resolve_uri
    from harness.tracking.store import Store

    uri = resolve_uri(arguments.tracking_uri)
    with cluster(arguments):
        _, outcome = execute_work(arguments, uri, lambda: Work(sweep_of(arguments), arguments.typed))
    if outcome.interrupted:
        raise KeyboardInterrupt
    records = [record for record in outcome.records if record.status == "ok"]
    for record in outcome.records:
        if record.status != "ok":
            print(f"{record.spec.label}: {record.status}: {record.reason}", file=sys.stderr)
    if not records:
        raise HarnessError("No run ended well, so there is nothing to look into.")
    return Results(records, title=outcome.name), Store(uri)


def _inspected(records: Any, store: Store, arguments: argparse.Namespace) -> Iterator[Inspection]:
    from harness.inspection.inspection import inspect_run
    from harness.training.device import computing, pick

    longest = max(record.spec.length for record in records)
    chosen = [record for record in records if record.spec.length == longest]
    with computing(pick("cpu")):
        for record in chosen:
            run_id, whole = _newest(store, record)
            if not arguments.quiet:
                print(f"looking into {record.spec.label}, seed {record.spec.seed}", file=sys.stderr, flush=True)
            named = replace(whole, spec=record.spec)
            yield inspect_run(named, store.weights(run_id), sequence=arguments.sequence)


def _newest(store: Store, record: Record) -> StoredRecord:
    """The MLflow id of a record's run, and the record with its learning curve."""
    from harness.tracking.sweep_status import find_run

    return find_run(store, record.identity or record.spec.identity)


def _reported(arguments: argparse.Namespace, results: Results) -> Iterator[Path]:
    names = arguments.format or ["html"]
    registry.find("report", "inspection_terminal").load()(results, Path.cwd())
    for name in dict.fromkeys(names):
        if name not in ("term", "terminal"):
            yield from registry.find("report", _REPORTS.get(name, name)).load()(results, arguments.out)
    if arguments.figures:
        yield from registry.find("report", "figures").load()(results, arguments.figures)
