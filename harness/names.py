"""How plugins are named: `gru`, `./cell.py:Cell`, `package.module:Class`, `deep:bidirectional:gru`."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

_LONG_WORD = re.compile(r"\S{200,}")
_LONGEST_FILE_NAME = 80  # characters; file systems take 255 bytes, and a character has up to four


def is_file(name: str) -> bool:
    """Whether a plugin is named by its file: './cell.py', './cell.py:Cell'."""
    return name.partition(".py:")[0].endswith(".py") or ".py:" in name


def is_importable(name: str) -> bool:
    """Whether a plugin is named as something to import: 'package.module:Class'."""
    return ":" in name and not is_file(name)


def split_parts(name: str) -> list[str]:
    """The parts of a composed architecture, outermost first: 'deep:./cell.py:Cell' -> ['deep', './cell.py:Cell'].

    A colon stands between parts, and between a file or a module and a class in it. After a file any name is its class.
    After a module with a dot in its name any name is its class; after one without, a name with a capital letter: 'LEM',
    'coRNN'.
    """
    parts: list[str] = []
    for part in name.split(":"):
        if parts and _is_class_of(part, parts[-1]):
            parts[-1] += f":{part}"
        else:
            parts.append(part)
    return parts


def _is_class_of(part: str, before: str) -> bool:
    if ":" in before or not part.isidentifier():
        return False
    if before.endswith(".py"):
        return True
    names = before.split(".")
    return all(name.isidentifier() for name in names) and (len(names) > 1 or part != part.lower())


def printable(text: str) -> str:
    """The text with control characters as escapes, so that it is shown on one line and moves no cursor."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def shown(message: str) -> str:
    """A message for the terminal: at most three lines, without control characters, long words shortened."""
    lines = [printable(line) for line in message.splitlines()[:3]]
    return "\n".join(_LONG_WORD.sub(lambda word: f"{word[0][:80]} ... {word[0][-20:]}", line) for line in lines)


def file_name(text: str) -> str:
    """A text as a file's name: letters, digits, `_`, `-` and dots are kept; what is cut off is told by a digest."""
    name = re.sub(r"[^\w.-]+", "-", text).strip("-.")
    if len(name) <= _LONGEST_FILE_NAME:
        return name
    digest = sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]
    return f"{name[:40]}-{digest}-{name[-30:]}".replace("--", "-")


def short_name(part: str) -> str:
    """What one part is called in tables and options: the name, or the class, or the stem of a loose file.

    Control characters in a file's name are shown as escapes.
    """
    if is_importable(part):
        return part.partition(":")[2]
    if not is_file(part):
        return part
    path, _, attribute = part.partition(".py:")
    return attribute or printable(Path(path).stem)


def display_name(architecture: str) -> str:
    """'deep:./cells/mine.py:Cell' -> 'deep:Cell'."""
    return ":".join(short_name(part) for part in split_parts(architecture))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
