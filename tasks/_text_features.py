"""What can be said of each character of a text: the place in its line, indentation, quotes and brackets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

import torch
from torch import Tensor

_OPEN, _CLOSED = "([{", ")]}"


def features_of(rows: list[str]) -> dict[str, Tensor]:
    """Features of texts of one length, each float32 of shape (texts, characters)."""
    of: dict[str, Callable[[str], Iterator[float]]] = {
        "place in the line": _place,
        "indentation of the line": _indentation,
        "inside double quotes": lambda text: _inside(text, '"'),
        "inside single quotes": lambda text: _inside(text, "'"),
        "open brackets": _depth,
        "capital letter": lambda text: (float(c.isupper()) for c in text),
        "digit": lambda text: (float(c.isdigit()) for c in text),
    }
    return {name: torch.tensor([list(feature(row)) for row in rows]).float() for name, feature in of.items()}


def _place(text: str) -> Iterator[float]:
    """Characters of the line before this one; a line break belongs to the line that it ends."""
    return (at - 1.0 - text.rfind("\n", 0, at) for at in range(len(text)))


def _indentation(text: str) -> Iterator[float]:
    """Blanks at the beginning of the line, as far as they have been seen."""
    for at in range(len(text)):
        line = text[text.rfind("\n", 0, at) + 1 : at + 1]
        yield float(len(line) - len(line.lstrip(" ")))


def _inside(text: str, quote: str) -> Iterator[float]:
    """1 after an opening quote up to the closing one, which must stand on the same line."""
    inside = False
    for character in text:
        inside = character != "\n" and inside != (character == quote)
        yield float(inside)


def _depth(text: str) -> Iterator[float]:
    """Brackets opened and not yet closed since the text began; never below 0."""
    steps = ((c in _OPEN) - (c in _CLOSED) for c in text)
    return accumulate(steps, lambda depth, step: max(0, depth + step))
