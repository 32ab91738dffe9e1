"""Loads foreign plugins in a guarded process first: an import that ends or blocks its process must not end a sweep."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import NamedTuple

from harness.discovery import registry, time_limit
from harness.discovery.compose import compose, is_built_in, load_task
from harness.discovery.plugin_errors import describe_error
from harness.discovery.registry import Kind
from harness.errors import HarnessError, PluginError
from harness.names import display_name
from harness.process.guarded import GuardedProcess
from harness.spec import SweepSpec


class LeftOut(NamedTuple):
    """A plugin of a sweep that cannot be loaded, and what its import did."""

    name: str
    reason: str


def leave_out_lethal(sweep: SweepSpec) -> tuple[SweepSpec, list[LeftOut]]:
    """The sweep without architectures whose import ends its process, blocks it or closes its output.

    Raises PluginError where nothing is left, or a task does so. An ordinary error of an import is not looked for here:
    the plan reports it.
    """
    for name in sweep.tasks:
        if reason := _reason("task", name):
            raise PluginError(f"task {name} cannot be imported: {reason}.")
    left_out = [LeftOut(name, reason) for name in sweep.architectures if (reason := _reason("architecture", name))]
    names = {one.name for one in left_out}
    rest = tuple(name for name in sweep.architectures if name not in names)
    if left_out and not rest:
        raise PluginError("; ".join(f"{display_name(one.name)} cannot be imported: {one.reason}" for one in left_out))
    return replace(sweep, architectures=rest), left_out


def load(pipe: Connection, kind: Kind, name: str) -> None:
    """In the guarded process: sends what is wrong, '' if nothing is."""
    message = ""
    try:
        if kind == "task":
            load_task(name)
        else:
            compose(name)
    except Exception as error:
        cause = error.__cause__
        if cause is not None and not isinstance(cause, Exception):
            message = describe_error(cause)
    except BaseException as error:
        message = describe_error(error)
    with contextlib.suppress(OSError):
        os.fstat(1)
        os.fstat(2)
        pipe.send(message)
        os._exit(0)
    pipe.send("it closed the standard output of its process")
    os._exit(0)


def _reason(kind: Kind, name: str) -> str:
    """Why a plugin cannot be loaded; '' if it can, or if that is told later."""
    with contextlib.suppress(HarnessError):
        built_in = is_built_in(name) if kind == "architecture" else registry.find(kind, name).built_in
        return "" if built_in else _try(kind, name)
    return ""


def _try(kind: Kind, name: str) -> str:
    process = GuardedProcess.start("harness.sweeps.trial_load:load", kind, name, name="load")
    try:
        message = process.receive(time_limit.SECONDS)
        if message is not None:
            return str(message)
        if process.hangs():
            return f"it took longer than {time_limit.SECONDS:g} s{process.where_it_hangs()}"
        return process.exit_reason().text + process.where_it_ended()
    finally:
        process.end()
