"""What `harness study` prints: the verdict with its evidence, the list of studies, what a check found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from harness.analysis.wording import counted, runs_are
from harness.cli._dry_run import duration
from harness.cli._dry_run import show as show_plan
from harness.studies.planning import PlannedStudy, seeds_needed
from harness.studies.sentences import sentence
from harness.study_record import Finding, StudyRecord
from harness.sweeps.preview import Preview

_STYLES = {"confirmed": "green", "refuted": "red", "undecided": "yellow"}
_STYLES |= {"reproduced": "bold green", "partly": "bold yellow", "not reproduced": "bold red"}


def show_verdict(record: StudyRecord, arguments: argparse.Namespace) -> None:
    """The verdict on standard output; where it comes from on standard error."""
    if arguments.json:
        print(record.to_json())
        return
    console = Console()
    console.print(Text(record.question, style="bold"))
    console.print(Text.assemble(f"{record.name}: ", (record.verdict, _STYLES.get(record.verdict, "bold"))))
    for number, finding in enumerate(record.findings, start=1):
        _show_finding(console, number, finding)
    if arguments.quiet:
        return
    cost = f"{counted(record.runs, 'run')}, {duration(record.cpu_seconds)} of training"
    report = f"next: {record.command.replace('study run', 'study report')}"
    rest = f"{runs_are(record.missing)} missing: the same command runs the rest."
    for line in [cost, *record.history, rest if record.missing else report]:
        print(line, file=sys.stderr)


def show_check(planned: PlannedStudy, previews: Sequence[Preview]) -> None:
    """What a study asks, what it runs, and how many seeds it takes."""
    study, console = planned.study, Console()
    console.print(Text(study.question, style="bold"))
    for number, expected in enumerate(study.expectations, start=1):
        task = expected.task or planned.runs[expected.sweep][0].task_label
        console.print(Text(f"{number}. {sentence(expected, task)}"), soft_wrap=True)
    show_plan(previews, jobs=1, recommended={})
    needed = seeds_needed(study)
    count = len(study.expectations)
    many = f"{count} expectation{'s' * (count > 1)}"
    enough = "enough" if planned.seeds >= needed else f"too few: --seeds {needed}"
    said = f"seeds: {many} can be confirmed from {needed} seeds on; the study has {planned.seeds}, {enough}"
    console.print(Text(said), soft_wrap=True)
    console.print(Text(f"digest: {study.digest}"))


def _show_finding(console: Console, number: int, finding: Finding) -> None:
    head = Text.assemble(f"{number}. ", (finding.verdict, _STYLES[finding.verdict]), f": {finding.says}")
    evidence = [f"claimed:  {finding.claimed}", f"measured: {finding.measured or '-'}", finding.reason]
    console.print(head)
    for line in evidence:
        console.print(Padding(Text(line), (0, 0, 0, 3)))
