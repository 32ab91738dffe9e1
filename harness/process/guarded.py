"""A guarded child process: it may hang, crash, grow or leave children, and harms no other process.

The child is forked from the fork server, leads a process group of its own, writes its output to a log, may hold a
limited amount of memory, is the first that the system kills when memory runs out, and ends with its parent.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import re
import signal
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any, NamedTuple

from harness.process.fork_server import start_fork_server
from harness.process.parent_death import adopt_orphans, end_with_parent
from harness.process.temp_files import temp_prefix

_SECONDS_FOR_STACK = 2.0  # that a process which hangs may take to write its stack
_LOG_LENGTH = 4000  # characters of the output that are kept
_log = ""  # in a guarded process: the path of its log


class ExitReason(NamedTuple):
    """How a process ended."""

    out_of_memory: bool
    text: str  # a clause, such as 'its process ended with exit code 3'


@dataclass
class GuardedProcess:
    """A child process, the pipe to it, and the file with its output."""

    process: BaseProcess
    pipe: Connection
    log: Path

    @classmethod
    def start(cls, target: str, *arguments: Any, memory: int | None = None, name: str = "worker") -> GuardedProcess:
        """Starts `module:function` with its end of the pipe and these arguments; `memory`: bytes of data it may hold.

        The target is named, not given, so that the parent need not import what the child does.
        """
        start_fork_server()  # it may have died
        ours, theirs = multiprocessing.Pipe()
        descriptor, log = tempfile.mkstemp(prefix=temp_prefix(name), suffix=".log")
        os.close(descriptor)
        # daemon: multiprocessing would wait for it otherwise when the parent ends
        process = multiprocessing.get_context("forkserver").Process(
            target=_serve, args=(target, theirs, log, memory, arguments), daemon=True
        )
        with _without_main_module():
            process.start()
        theirs.close()
        return cls(process, ours, Path(log))

    def messages(self) -> Iterator[Any]:
        """The messages that have come; none of one that was cut off by the end of the process."""
        with contextlib.suppress(EOFError, OSError, UnpicklingError):
            while self.pipe.poll():
                yield self.pipe.recv()

    def receive(self, limit: float) -> Any:
        """The next message; None if none comes within `limit` seconds, or the process has ended."""
        with contextlib.suppress(EOFError, OSError, UnpicklingError):
            if self.pipe.poll(limit):
                return self.pipe.recv()
        return None

    def hangs(self) -> bool:
        """After `receive` gave nothing: whether the process is still there, rather than about to end."""
        return self.process.is_alive() and not self.pipe.poll()  # at the end of its process a pipe can be read

    def send_signal(self, number: signal.Signals) -> None:
        """Signals the process and its process group."""
        pid = self.process.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

    def end(self) -> None:
        """Kills it with everything that it started, and removes its log."""
        descendants = _descendants(self.process.pid)
        self.send_signal(signal.SIGKILL)
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()  # it may not have become the leader of its group yet
        self.process.join()
        self.pipe.close()
        self.log.unlink(missing_ok=True)

    def exit_reason(self) -> ExitReason:
        """How the process ended, which it must have done or be about to do."""
        self.process.join()
        return exit_reason(self.process.exitcode or 0)

    def where_it_hangs(self) -> str:
        """The line of a plugin that it executes, such as ' at my_cell.py:12'; '' if it cannot be told."""
        if self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGUSR1)  # faulthandler writes the stack to the log
        deadline = time.monotonic() + _SECONDS_FOR_STACK
        while not self.where_it_ended() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.where_it_ended()

    def where_it_ended(self) -> str:
        """The innermost line of a plugin in the stack that a crash left in the log, such as ' at my_cell.py:12'."""
        stack = re.findall(r'File "(.+?)", line (\d+)', self.log.read_text(errors="replace"))
        lines = (f" at {Path(file).name}:{line}" for file, line in stack if _is_of_a_plugin(Path(file)))
        return next(lines, "")

    def output(self) -> str:
        """The last lines that it printed."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace")[-_LOG_LENGTH:]
        return ""


def _is_of_a_plugin(file: Path) -> bool:
    """Whether a file is neither a library's nor of the core."""
    core = Path(__file__).parents[1]
    if file.is_relative_to(core):
        return file.parent.name in ("plugins", "tasks")
    libraries = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    inside = any(file.is_relative_to(library) for library in libraries) and "site-packages" not in file.parts
    return file.is_absolute() and not inside and not {"torch", "multiprocessing"} & set(file.parts)


def exit_reason(code: int) -> ExitReason:
    """What an exit code says, as `multiprocessing` and `subprocess` give it: negative for a signal."""
    if code >= 0:
        return ExitReason(False, f"its process ended with exit code {code}")
    if -code == signal.SIGKILL:
        return ExitReason(True, "its process was killed (SIGKILL), as the system does when memory runs out")
    return ExitReason(False, f"its process was killed by {signal.Signals(-code).name}")


def limit_memory(memory: int | None) -> None:
    """Has allocations beyond `memory` bytes of data fail, so that an error ends the run and not the machine."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        if memory is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def die_first() -> None:
    """Has the system kill this process before others when memory runs out; on Linux only."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def clear_log() -> None:
    """Empties the log of this guarded process: what is read there later should be of one run only."""
    with contextlib.suppress(OSError):
        os.truncate(_log, 0)


def read_log() -> str:
    """What this guarded process has printed since its log was emptied, or the last of it."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        return Path(_log).read_text(errors="replace")[-_LOG_LENGTH:] if _log else ""
    return ""


def has_children() -> bool:
    """Whether processes that this one started, or adopted, still run."""
    return bool(_descendants(os.getpid()))


@contextlib.contextmanager
def ending_new_children() -> Iterator[None]:
    """Kills, at the end of the block, processes that were started from this one in it.

    For code of plugins that runs here: they may leave a process running, and Python would wait for it without end.
    The fork server, its children and multiprocessing's resource tracker are ours and stay.
    """
    before = set(_descendants(os.getpid()))
    try:
        yield
    finally:
        tracker, server = resource_tracker._resource_tracker, forkserver._forkserver
        ours = {pid for pid in (tracker._pid, server._forkserver_pid) if pid}  # type: ignore[attr-defined]
        ours.update(*[_descendants(pid) for pid in ours])
        for pid in set(_descendants(os.getpid())) - before - ours:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Starts a process that does not import the program which runs here: a script would begin again in it.

    multiprocessing has a child import it, so that it can unpickle what is defined there; a target here is named.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(target: str, pipe: Connection, log: str, memory: int | None, arguments: tuple[Any, ...]) -> None:
    """In the child."""
    end_with_parent()
    driver = multiprocessing.parent_process()
    if driver and not driver.is_alive():
        os._exit(1)  # the driver died before this process could ask to be ended with it
    multiprocessing.current_process().daemon = False  # daemonic ones may have no children, as data loaders start
    os.setsid()
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver gets Ctrl-C and tells us
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _write_to(log)
    die_first()
    limit_memory(memory)
    module, _, function = target.partition(":")
    getattr(importlib.import_module(module), function)(pipe, *arguments)


def _write_to(log: str) -> None:
    """Sends the output there, line by line, so that a crash loses none of them."""
    global _log
    _log = log
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    sys.stdout = os.fdopen(1, "w", 1, errors="backslashreplace", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    faulthandler.enable()  # a crash in native code writes its stack there
    faulthandler.register(signal.SIGUSR1, all_threads=False)  # the parent asks where it hangs


def _descendants(pid: int | None) -> list[int]:
    """The children of a process, theirs, and so on, that still run; empty where the system has no /proc."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":  # ended, but its parent has not asked for its exit code
                children.setdefault(int(parent), []).append(int(process.name))
    found = list(children.get(pid or 0, ()))
    for child in found:
        found += children.get(child, ())
    return found
