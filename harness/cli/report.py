"""`harness report`: writes a sweep as a page, tables, data or figures."""

from __future__ import annotations

import argparse
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli._flags import add_store, add_sweep
from harness.cli._recorded import recorded
from harness.cli._written import written
from harness.discovery import registry
from harness.errors import UsageError, did_you_mean
from harness.sweeps.arguments import completes, many
from harness.tracking import light

if TYPE_CHECKING:
    from harness.discovery.registry import Plugin
    from harness.report import Results

_SHORT = {"md": "markdown", "term": "terminal", "tex": "latex"}
_FIGURES = "figures"
_EPILOG = """examples:
  harness report                            # the newest sweep: one HTML file
  harness report --sweep 1f3a --format html,md,csv,json --out results
  harness report --format latex             # tables for a paper
  harness report --format term              # tables and a chart here
  harness report --figures paper/figures    # every figure as SVG and PDF
  harness report --x state_size --open      # also accuracy against state size

Formats are plugins (entry points of the group harness.reports); harness list
shows them. md and markdown are the same, and so are tex and latex, term and
terminal.
"""


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "report",
        help="write a sweep as a page, tables, data or figures",
        description="Writes a sweep, finished or not, as files, and prints their paths.",
        epilog=_EPILOG,
    )
    add_sweep(parser)
    add_store(parser)
    formats = many(
        parser, "--format", metavar="NAME", help="html (default), md, csv, json, latex, term, or the name of a plugin"
    )
    completes(formats, "report")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for the files (default: here)")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="folder for every figure as SVG and PDF")
    parser.add_argument(
        "--x",
        metavar="NAME",
        help="draw accuracy against this too: state_size, parameters, lr, or a numeric option such as pairs",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    names = arguments.format or ([] if arguments.figures else ["html"])
    reports = [(_plugin(name), arguments.out) for name in dict.fromkeys(names)]
    if arguments.figures:
        reports.append((_plugin(_FIGURES), arguments.figures))
    foreign = any(not plugin.built_in for plugin, _ in reports) or "html" in names  # the page asks tasks for examples
    if arguments.own_process and not foreign:
        light.import_mlflow()
    results = _with_axis(recorded(arguments, learning_curves=True), arguments.x)
    if "html" in names:
        results = _with_task_texts(results)
    for plugin, folder in reports:
        for path in written(plugin, results, folder):
            print(path)
            if arguments.open and path.suffix == ".html":
                webbrowser.open(path.resolve().as_uri())
    return 0


def _with_axis(results: Results, axis: str | None) -> Results:
    """Refuses an axis on which the runs have fewer than two values."""
    if not axis:
        return results
    from harness.analysis.axis import axes_of

    known = axes_of(results.records)
    if axis not in known:
        raise UsageError(did_you_mean("axis with several values in this sweep called", axis, known))
    return replace(results, axis=axis)


def _with_task_texts(results: Results) -> Results:
    from harness.training.task_text import task_texts

    return replace(results, tasks=task_texts(results.records))


def _plugin(name: str) -> Plugin:
    return registry.find("report", _SHORT.get(name, name))
