"""Which runs were computed with other plugin code than is here now."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from harness.discovery import footprint, registry
from harness.errors import HarnessError
from harness.names import short_name, split_parts
from harness.record import Record
from harness.spec import RunSpec


class CodeUsed(NamedTuple):
    """The code that a run was computed with."""

    architecture: str
    architecture_code: str
    task: str
    task_code: str
    files: tuple[tuple[str, str], ...]  # from elsewhere: path and digest


def outdated_runs(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """By identity, what has changed since a run, as `changed_since` names it; runs of today's code are left out."""
    changed = cache(changed_since)  # a file may be edited while this goes on
    found = {record.identity: changed(code_of(record.spec)) for record in records}
    return {identity: names for identity, names in found.items() if names}


def code_of(spec: RunSpec) -> CodeUsed:
    """The plugins of a run, and the fingerprints of their code."""
    files = tuple(sorted(spec.code_files.items()))
    return CodeUsed(spec.architecture, spec.architecture_code, spec.task, spec.task_code, files)


def changed_since(used: CodeUsed) -> tuple[str, ...]:
    """The plugins whose code has changed, by their short names, and the files that they use from elsewhere.

    What cannot be found here counts as unchanged.
    """
    files = [path for path, digest in used.files if footprint.digest_of(Path(path)) not in ("", digest)]
    return (
        *_changed("architecture", split_parts(used.architecture), used.architecture_code),
        *_changed("task", [used.task], used.task_code),
        *files,
    )


def _changed(kind: registry.Kind, parts: list[str], code: str) -> list[str]:
    try:
        here = {part: registry.find(kind, part).fingerprint() for part in parts}
    except HarnessError:
        return []
    if code in ("", "+".join(here[part] for part in parts)):
        return []
    changed = [part for part, digest in here.items() if digest not in code]  # a version may have a + too
    return [short_name(part) for part in changed or here]
