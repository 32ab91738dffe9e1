"""`harness study`: questions with expectations, run as sweeps and judged over seeds."""

from __future__ import annotations

import argparse
import contextlib
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli import _flags
from harness.cli._exit_codes import INTERRUPTED
from harness.cli._launch import Work, begin, cluster, execute_work
from harness.cli._parse import Parser
from harness.studies.catalogue import find_study, names
from harness.studies.sweep_tables import sweeps_of
from harness.sweeps.arguments import many, whole

if TYPE_CHECKING:
    from harness.spec import SweepSpec
    from harness.studies.planning import PlannedStudy
    from harness.study_record import StudyRecord
    from harness.sweeps.execute import Outcome

_EPILOG = """examples:
  harness study list
  harness study check ./my_hypothesis.toml
  harness study run lstm-bridges-longer-lags
  harness study run ./my_hypothesis.toml --seeds 10 --jobs 2
  harness study report lstm-bridges-longer-lags

A study is a TOML file: a question, the sweeps that answer it, and expectations
that can be tested. harness new study NAME writes one to begin with.
"""
_RUN_EPILOG = """The same command typed again runs only what is missing.
exit codes: 0 success, whatever the verdict; 1 runs are missing or failed;
2 wrong usage; 130 interrupted
"""


def add(verbs: Any) -> None:
    parser: Parser = verbs.add_parser(
        "study",
        help="test claims and published numbers",
        description="Runs studies: questions with expectations that were written down beforehand.",
        epilog=_EPILOG,
    )
    parts = parser.add_subparsers(dest="part", metavar="list|run|report|check", parser_class=Parser, required=True)
    _add_list(parts)
    _add_run(parts)
    _add_report(parts)
    _add_check(parts)


def _add_list(parts: Any) -> None:
    listing: Parser = parts.add_parser(
        "list",
        help="list installed studies",
        description="Lists the studies of all installed packages, with their kept verdicts.",
    )
    _flags.add_json(listing)
    listing.set_defaults(call=_list)


def _add_report(parts: Any) -> None:
    report: Parser = parts.add_parser(
        "report",
        help="write a study, or all of them, as a page",
        description="Writes what studies came to, and prints the paths of the files.",
    )
    action = report.add_argument("study", nargs="*", metavar="STUDY", help="names of studies, or paths of files")
    action.completer = lambda prefix, **_: names()  # type: ignore[attr-defined]
    report.add_argument("--all", action="store_true", help="one page with every installed study that was run")
    many(report, "--format", metavar="NAME", help="html (default), md")
    report.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for the files (default: here)")
    report.add_argument("--x", metavar="NAME", help="draw accuracy against this too, such as state_size")
    report.add_argument("--kept", action="store_true", help="from kept results, even if the store has others")
    report.add_argument("--keep", action="store_true", help="keep the results beside the study's file")
    report.add_argument("--open", action="store_true", help="open the page in the browser")
    _flags.add_store(report)
    report.set_defaults(call=_report)


def _add_check(parts: Any) -> None:
    check: Parser = parts.add_parser(
        "check",
        help="whether a study is well-formed, and how many seeds it takes",
        description="Reads a study, plans its sweeps, tries each model for a moment, and records nothing.",
    )
    _add_name(check)
    check.add_argument("--seeds", type=whole(1), metavar="N", help="number of seeds (default: as the study says)")
    _flags.add_store(check)
    check.set_defaults(call=_check)


def _add_run(parts: Any) -> None:
    run: Parser = parts.add_parser(
        "run",
        help="run what is missing of a study, and judge it",
        description="Records the question, runs what is missing of its sweeps, and judges every expectation.",
        epilog=_RUN_EPILOG,
    )
    _add_name(run)
    run.add_argument("--seeds", type=whole(1), metavar="N", help="number of seeds (default: as the study says)")
    _flags.add_where(run)
    run.set_defaults(call=_run)


def _add_name(parser: Parser) -> None:
    action = parser.add_argument("study", metavar="STUDY", help="name of an installed study, or the path of a file")
    action.completer = lambda prefix, **_: names()  # type: ignore[attr-defined]


def _list(arguments: argparse.Namespace) -> int:
    from harness.cli._study_list import show_list

    show_list(arguments.json)
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from harness.cli._study_report import report

    return report(arguments)


def _check(arguments: argparse.Namespace) -> int:
    study = find_study(arguments.study)
    sweeps = sweeps_of(study, arguments.seeds)
    with contextlib.redirect_stdout(sys.stderr):
        from harness.studies.execution import finished
        from harness.studies.planning import plan_study, previews_of
        from harness.training import device as devices

        planned = plan_study(study, sweeps)
        previews = previews_of(planned, finished(planned, arguments.tracking_uri), devices.pick("cpu"))
    from harness.cli._study_output import show_check

    show_check(planned, previews)
    return 0


def _run(arguments: argparse.Namespace) -> int:
    study = find_study(arguments.study)
    sweeps = sweeps_of(study, arguments.seeds)
    begin(arguments)
    from harness.cli._study_output import show_verdict
    from harness.studies.execution import finished
    from harness.studies.planning import plan_study, previews_of
    from harness.training import device as devices

    with contextlib.redirect_stdout(sys.stderr), cluster(arguments):  # whatever a plugin prints is not the result
        planned = plan_study(study, sweeps)
        done = finished(planned, arguments.tracking_uri, arguments.reuse)
        previews_of(planned, done, devices.pick(arguments.device), untried=True)
        record, interrupted = _executed(planned, arguments)
    show_verdict(record, arguments)
    if interrupted:
        return INTERRUPTED
    return 1 if record.missing or record.failed else 0


def _executed(planned: PlannedStudy, arguments: argparse.Namespace) -> tuple[StudyRecord, bool]:
    """Runs the sweeps one after another; the verdict on what there is then, and whether it was interrupted."""
    from harness.studies.execution import run_study
    from harness.tracking.address import resolve_uri
    from harness.tracking.store import Store

    uri = resolve_uri(arguments.tracking_uri)

    def run_sweep(sweep: SweepSpec, title: str) -> Outcome:
        return execute_work(arguments, uri, partial(Work, sweep, arguments.typed, title=title))[1]

    outcome = run_study(planned, Store(uri), arguments.typed, arguments.reuse, run_sweep)
    return outcome.results.record, outcome.interrupted
