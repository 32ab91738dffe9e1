"""What verbs print beside their result: one line at a time, on standard error unless told otherwise."""

from __future__ import annotations

import sys
from typing import TextIO


def say(line: str, to: TextIO | None = None) -> None:
    """Prints a line at once, also where the output is a file or a pipe."""
    print(line, file=to or sys.stderr, flush=True)


def silent(line: str) -> None:
    """Prints nothing: for `--quiet` and `--json`."""
