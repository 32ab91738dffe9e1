"""The source of Python's own standard library: text that every machine has."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path


def modules(characters: int) -> Iterator[str]:
    """The top-level modules in the order of their names, until they have so many characters; ValueError without any."""
    folder, given = Path(sysconfig.get_paths()["stdlib"]), 0
    for file in sorted(folder.glob("[a-z]*.py")):
        text = file.read_text(encoding="utf-8", errors="replace")
        given += len(text)
        yield text
        if given >= characters:
            return
    if not given:
        raise ValueError(f"{folder} holds no source text of Python's: name a text of your own")
