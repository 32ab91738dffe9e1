"""Which runs may share a process: those of built-in plugins, or those of the same foreign code.

What a plugin does to its process, at import or while it computes, lasts: patched functions, hooks, modes, threads. A
process that has loaded a plugin of somebody else therefore runs only that plugin.
"""

from __future__ import annotations

from hashlib import sha256

from harness.discovery import registry
from harness.discovery.registry import Kind
from harness.errors import HarnessError
from harness.names import split_parts
from harness.spec import RunSpec


def foreign_code(spec: RunSpec) -> str:
    """'' if all plugins of a run are built in, else a digest of the modules and the code of those that are not."""
    named: list[tuple[Kind, str]] = [("architecture", part) for part in split_parts(spec.architecture)]
    foreign = {_code(kind, name) for kind, name in [*named, ("task", spec.task)]} - {""}
    return sha256("\n".join(sorted(foreign)).encode()).hexdigest()[:16] if foreign else ""


def _code(kind: Kind, name: str) -> str:
    """What a foreign plugin is told apart by; '' for a built-in one."""
    try:
        plugin = registry.find(kind, name)
        return "" if plugin.built_in else f"{plugin.module} {plugin.fingerprint()}"
    except HarnessError:  # as where the file is gone: the run itself reports it
        return f"{kind} {name}"
