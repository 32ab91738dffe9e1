"""The contracts as one page, made from their docstrings: `python -m harness.testing.reference > docs/contract.md`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from harness.architecture import Architecture, CellArchitecture, Wrapper
from harness.discovery.adapt import PlainModule
from harness.finite import FiniteTask
from harness.task import Batch, Classes, Task, Tokens, Vectors, WritingTask
from harness.testing.architectures import ArchitectureContract
from harness.testing.findings import checks, promise_of
from harness.testing.tasks import TaskContract

_HEAD = """# The contracts

This page says what an architecture and a task are, and lists the promises that `harness check` and the classes in
`harness.testing` test: {} of architectures, {} of tasks. `python -m harness.testing.reference` makes it from
docstrings.
"""
_ATTRIBUTE = re.compile(r"^    (\w+): (.+?)(?: = (.+?))?(?:  # (.*))?$")


def markdown() -> str:
    """The whole page."""
    head = _HEAD.format(len(checks(ArchitectureContract)), len(checks(TaskContract)))
    return "\n".join([head, *_part("architecture", ArchitectureContract), *_part("task", TaskContract)])


def _part(kind: str, contract: type) -> Iterator[str]:
    """What one contract is: the classes to derive from, and the promises."""
    classes = {
        "architecture": [Architecture, CellArchitecture, Wrapper, PlainModule],
        "task": [Task, Batch, Tokens, Vectors, Classes, FiniteTask, WritingTask],
    }[kind]
    yield f"## What {'an' if kind == 'architecture' else 'a'} {kind} is\n"
    for cls in classes:
        yield from _class(cls)
    yield f"## What is checked of every {kind}\n"
    for check in checks(contract):
        promise = promise_of(contract, check)
        yield f"- **{promise.name}.** {promise.says} {promise.way_out}"
    yield ""
    yield f"`{contract.__name__}` has class attributes for those that need something else:\n"
    yield from (_attribute(*found) for cls in reversed(contract.__mro__[:-1]) for found in _attributes(cls))
    yield ""


def _class(cls: type) -> Iterator[str]:
    yield f"### {cls.__name__}\n\n{inspect.getdoc(cls)}\n"
    yield from (_attribute(*found) for found in _attributes(cls))
    methods = [member for name, member in vars(cls).items() if inspect.isfunction(member) and name[0] != "_"]
    for method in (method for method in methods if method.__doc__):
        signature = str(inspect.signature(method)).replace("'", "")
        yield f"- `{method.__name__}{signature}`: {' '.join(inspect.cleandoc(method.__doc__ or '').split())}"
    yield ""


def _attributes(cls: type) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, default and comment of what is declared in the body of a class."""
    for line in inspect.getsource(cls).splitlines():
        if found := _ATTRIBUTE.match(line):
            name, kind, default, comment = found.groups(default="")
            yield name, re.sub(r"^ClassVar\[(.*)\]$", r"\1", kind), default, comment


def _attribute(name: str, kind: str, default: str, comment: str) -> str:
    value = f" = {default}" if default else ""
    return f"- `{name}: {kind}{value}`{': ' if comment else ''}{comment}"


if __name__ == "__main__":
    print(markdown(), end="")
