"""What is compared, and when, where and by which versions it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analysis import verdict
from harness.analysis.rows import provenance
from harness.analysis.summary import Summary
from harness.record import Record


def title(summary: Summary) -> str:
    """'rnn, lstm and gru on copy and adding'."""
    labels = list(dict.fromkeys(one.label for task in summary.tasks for one in task.architectures))
    if not labels:
        return "Nothing to report yet"
    return f"{verdict.listed(labels)} on {verdict.listed([task.label for task in summary.tasks])}"


def line(records: Sequence[Record]) -> str:
    """'Measured 2026-11-27 06:12 to 06:40 UTC on AMD EPYC by harness 0.1.0, torch 2.13.0, git 0123abc.'"""
    found = [provenance(record) for record in records if record.status != "interrupted"]
    versions = [_all(found, name) for name in ("harness", "torch", "git")]
    named = ", ".join(
        f"{name} {value}" for name, value in zip(("harness", "torch", "git"), versions, strict=True) if value
    )
    machines = _all(found, "machine")
    parts = [_when(found), f"on {machines}" if machines else "", f"by {named}" if named else ""]
    said = " ".join(part for part in parts if part)
    return f"Measured {said}." if said else ""


def _all(found: Sequence[dict[str, str]], name: str) -> str:
    return " and ".join(dict.fromkeys(origin[name] for origin in found if origin[name]))


def _when(found: Sequence[dict[str, str]]) -> str:
    """From the first to the last run, in UTC: a date is not repeated."""
    times = sorted(origin["ended"] for origin in found if origin["ended"])
    if not times:
        return ""
    first, last = (f"{time[:10]} {time[11:16]}" for time in (times[0], times[-1]))
    if first == last:
        return f"{first} UTC"
    return f"{first} to {last[11:] if first[:10] == last[:10] else last} UTC"
