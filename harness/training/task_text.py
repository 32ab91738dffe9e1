"""What the tasks of a sweep ask, in a sentence and a short sequence with its answer: for a report's page."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from harness.discovery import registry
from harness.errors import HarnessError
from harness.record import Record
from harness.report import TaskText
from harness.training.build import build_task
from harness.training.example import example_of, example_text

_OURS = "harness.tasks."


def task_texts(records: Iterable[Record]) -> dict[str, TaskText]:
    """By the task's label, of the built-in tasks: a report runs no third-party code."""
    specs = {record.spec.task_label: record.spec for record in records}
    found = {}
    for label, spec in specs.items():
        if not _is_built_in(spec.task):
            continue
        task = build_task(spec.task, spec.task_options)
        about = (inspect.getdoc(type(task)) or "").split("\n\n")[0]
        found[label] = TaskText(" ".join(about.replace("``", "`").split()), example_text(example_of(task)))
    return found


def _is_built_in(task: str) -> bool:
    try:
        return registry.find("task", task).module.startswith(_OURS)
    except HarnessError:  # its file is gone
        return False
