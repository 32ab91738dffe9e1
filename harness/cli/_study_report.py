"""`harness study report`: pages of studies, and their results kept beside their files."""

from __future__ import annotations

import argparse
import shlex
import sys
import webbrowser
from collections.abc import Iterator
from dataclasses import replace

from harness.analysis.verdict import listed
from harness.analysis.wording import runs_are
from harness.cli._written import written
from harness.discovery import registry
from harness.errors import NoRecordsError, UsageError, did_you_mean
from harness.report import Results, StudyResults
from harness.studies.catalogue import all_studies, find_study
from harness.studies.kept import keep, kept_path, kept_record, kept_results
from harness.studies.question import Study

_MARKDOWN = "study_markdown"
_FORMATS = {"html": "study", "md": _MARKDOWN, "markdown": _MARKDOWN}


def report(arguments: argparse.Namespace) -> int:
    """Writes the files and prints their paths."""
    if arguments.all == bool(arguments.study):
        raise UsageError("harness study report takes names of studies, or --all.")
    if arguments.keep and (arguments.kept or arguments.all):
        raise UsageError("--keep keeps what a store holds of the studies that are named: leave out --all and --kept.")
    names = list(dict.fromkeys(arguments.format or ["html"]))
    for name in names:
        if name not in _FORMATS:
            raise UsageError(did_you_mean("format of a study", name, _FORMATS))
    found = [(_keep(study, one) if arguments.keep else one) for study, one in _found(arguments)]
    results = Results([], studies=found, report_command=_command(arguments))
    for name in names:
        plugin = "studies" if name == "html" and arguments.all else _FORMATS[name]
        for path in written(registry.find("report", plugin), results, arguments.out):
            print(path)
            if arguments.open and path.suffix == ".html":
                webbrowser.open(path.resolve().as_uri())
    return 0


def _found(arguments: argparse.Namespace) -> Iterator[tuple[Study, StudyResults]]:
    """The studies that were run; with --all the others are named on standard error."""
    studies = list(all_studies()) if arguments.all else [find_study(name) for name in dict.fromkeys(arguments.study)]
    left_out = []
    for study in studies:
        one = _results(study, arguments)
        if one is not None:
            yield study, _with_axis(one, arguments.x)
        elif arguments.all:
            left_out.append(study.name)
        else:
            raise NoRecordsError(f"Study {study.name} was not run as it is written now: {_run_line(study)}")
    if left_out:
        print(f"not run as they are written now: {listed(left_out)}", file=sys.stderr)


def _run_line(study: Study) -> str:
    return f"harness study run {study.called}"


def _results(study: Study, arguments: argparse.Namespace) -> StudyResults | None:
    """What the store holds of a study, else what is kept of it; None for neither."""
    if not arguments.kept:
        from harness.studies.stored import stored_study

        stored = stored_study(study, arguments.tracking_uri)
        if stored is not None or arguments.keep:
            return stored
    record = kept_record(study)
    if record is None or record.digest != study.digest:
        return None
    return StudyResults(record, kept_results(study) or {})


def _with_axis(one: StudyResults, axis: str | None) -> StudyResults:
    """With figures against another axis, in the sweeps that have several values on it; UsageError where none has."""
    if not axis:
        return one
    from harness.analysis.axis import axes_of

    known = {name: axes_of(results.records) for name, results in one.sweeps.items()}
    every = sorted({name for names in known.values() for name in names})
    if axis not in every:
        raise UsageError(did_you_mean(f"axis with several values in study {one.record.name} called", axis, every))
    sweeps = {
        name: replace(results, axis=axis) if axis in known[name] else results for name, results in one.sweeps.items()
    }
    return replace(one, sweeps=sweeps)


def _keep(study: Study, one: StudyResults) -> StudyResults:
    """Keeps the results, with a row for the table of all; UsageError for a study that is not whole."""
    if one.record.missing:
        raise UsageError(f"{study.name}: {runs_are(one.record.missing)} missing, and only a whole study is kept.")
    kept = keep(study, one.record, one.sweeps)
    path = kept_path(study)
    row = written(registry.find("report", "study_row"), Results([], studies=[StudyResults(kept)]), path.parent)
    print(path, *row, sep="\n")
    return replace(one, record=kept)


def _command(arguments: argparse.Namespace) -> str:
    """The line that makes this report again; the folder and the store are a person's own."""
    words = ["harness", "study", "report", *arguments.study]
    words += ["--all"] * arguments.all + ["--kept"] * arguments.kept
    return shlex.join([*words, *(["--x", arguments.x] if arguments.x else [])])
