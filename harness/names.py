"""How architectures and tasks are written: names, loose files, wrapped names."""

from __future__ import annotations

from pathlib import Path


def is_file(name: str) -> bool:
    """Whether a plugin is named by its file."""
    return name.partition(".py:")[0].endswith(".py") or ".py:" in name


def split_parts(name: str) -> list[str]:
    """The parts of a composed architecture, outermost first: 'deep:./cell.py:Cell' -> ['deep', './cell.py:Cell']."""
    parts: list[str] = []
    for part in name.split(":"):
        if parts and parts[-1].endswith(".py") and part.isidentifier():
            parts[-1] += f":{part}"
        else:
            parts.append(part)
    return parts


def short_name(part: str) -> str:
    """What one part is called in tables and options: the name, or a loose file's stem and class."""
    if not is_file(part):
        return part
    path, _, attribute = part.partition(".py:")
    return attribute or Path(path).stem


def display_name(architecture: str) -> str:
    """'deep:./cells/mine.py:Cell' -> 'deep:Cell'."""
    return ":".join(short_name(part) for part in split_parts(architecture))
