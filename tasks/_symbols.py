"""Names of symbols, for people."""

from __future__ import annotations

from string import ascii_uppercase


def letters(count: int) -> list[str]:
    """A, B, C, ... for up to 26 symbols; S0, S1, ... for more."""
    return list(ascii_uppercase[:count]) if count <= 26 else [f"S{number}" for number in range(count)]
