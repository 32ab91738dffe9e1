"""Counts in sentences: the noun and the verb agree with the number."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """'1 run', '2 runs'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def runs_are(number: int, total: int | None = None, *, past: bool = False) -> str:
    """'1 run is', '3 runs are'; of a total '1 of 12 runs is'; `past`: '1 of 12 runs was'."""
    singular, plural = ("was", "were") if past else ("is", "are")
    runs = counted(number, "run") if total is None else f"{number:,} of {counted(total, 'run')}"
    return f"{runs} {singular if number == 1 else plural}"
