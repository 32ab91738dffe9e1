"""Loads foreign plugins in a guarded process first: an import that fails or harms its process must not end a sweep."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import NamedTuple

from harness.discovery import registry, time_limit
from harness.discovery.compose import compose, is_built_in, load_task
from harness.discovery.plugin_errors import describe_error, error_location
from harness.discovery.registry import Kind
from harness.errors import HarnessError, PluginError
from harness.names import display_name
from harness.process.guarded import GuardedProcess
from harness.spec import SweepSpec


class LeftOut(NamedTuple):
    """An architecture of a sweep that cannot be imported, and a sentence that says what its import did."""

    name: str
    message: str


def leave_out_broken(sweep: SweepSpec) -> tuple[SweepSpec, list[LeftOut]]:
    """The sweep without architectures whose import fails, ends its process, blocks it or closes its output.

    Raises PluginError where nothing is left, or a task does so. Wrong names are left in: the plan refuses them.
    """
    for name in sweep.tasks:
        if message := _message("task", name):
            raise PluginError(message)
    left_out = [LeftOut(name, message) for name in sweep.architectures if (message := _message("architecture", name))]
    names = {one.name for one in left_out}
    rest = tuple(name for name in sweep.architectures if name not in names)
    if left_out and not rest:
        raise PluginError("; ".join(one.message for one in left_out))
    return replace(sweep, architectures=rest), left_out


def load(pipe: Connection, kind: Kind, name: str) -> None:
    """In the guarded process: sends what is wrong as a sentence, '' if nothing is."""
    message = ""
    try:
        if kind == "task":
            load_task(name)
        else:
            compose(name)
    except PluginError as error:  # without a cause it is a wrong name inside the file, which the plan refuses
        if error.__cause__ is not None:
            place = error_location(error.__cause__)
            message = f"{error} ({place})" if place else str(error)
    except HarnessError:
        pass
    except BaseException as error:
        message = _sentence(kind, name, describe_error(error))
    with contextlib.suppress(OSError):
        os.fstat(1)
        os.fstat(2)
        pipe.send(message)
        os._exit(0)
    pipe.send(_sentence(kind, name, "it closed the standard output of its process"))
    os._exit(0)


def _sentence(kind: Kind, name: str, reason: str) -> str:
    return f"{kind} {display_name(name)!r} cannot be imported: {reason}"


def _message(kind: Kind, name: str) -> str:
    """Why a plugin cannot be imported; '' if it can, or if its name is wrong."""
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
            reason = f"it took longer than {time_limit.SECONDS:g} s{process.where_it_hangs()}"
        else:
            reason = process.exit_reason().text + process.where_it_ended()
        return _sentence(kind, name, reason)
    finally:
        process.end()
