"""Examines a plugin in a process of its own: one that hangs, dies or prints harms nobody. Never imports torch."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import harness
from harness.discovery.registry import Kind
from harness.errors import PluginError
from harness.testing.findings import Finding, Promise

_PATIENCE = 300.0  # seconds for our own imports, before any of the plugin's code: a shared disk may be slow
_IMPORT = Promise("is imported", "Importing it takes a moment.", "Way out: do at import only what defines the plugin.")
_SECONDS_TO_TELL = 2.0  # for a process that hangs to say where


NOT_CHECKED = "not checked"
"""What the detail of a promise begins with whose turn did not come."""


class Examination:
    """What became of each promise of one plugin, in turn, each within `limit` seconds.

    Iterating gives a promise and what was found of it. A plugin that hangs or dies breaks the promise that was being
    checked, and those after it are skipped. Raises PluginError for what cannot be found or imported.
    """

    def __init__(self, name: str, kind: Kind | None, options: Mapping[str, Sequence[str]], limit: float) -> None:
        self.request = {"name": name, "kind": kind, "options": {key: list(values) for key, values in options.items()}}
        self.limit = limit
        self.kind: str = kind or "plugin"
        self.promises = [_IMPORT]
        self.cut_short = ""  # why the process did not come to its end

    def __enter__(self) -> Self:
        self.process = _Process(self.request)
        begun = self.process.next(_PATIENCE) and self.process.next(self.limit)
        if begun is None:
            self.cut_short = self.process.cause(self.limit)
        elif "refused" in begun:
            self.process.end()
            raise PluginError(begun["refused"])
        else:
            self.kind, self.promises = begun["kind"], [Promise(**promise) for promise in begun["promises"]]
        return self

    def __exit__(self, *error: object) -> None:
        self.process.end()

    def __iter__(self) -> Iterator[tuple[Promise, Finding]]:
        ended = ""
        for promise in self.promises:
            finding = Finding(promise.name, "skipped", ended) if ended else self._next(promise)
            yield promise, finding
            if finding.status == "broken" and (self.cut_short or promise is self.promises[0]):
                ended = f"{NOT_CHECKED}, since the check before did not come to its end"
                if not self.cut_short:
                    ended = f"{NOT_CHECKED}, since it does not keep {promise.name!r}"

    def _next(self, promise: Promise) -> Finding:
        message = None if self.cut_short else self.process.next(self.limit)
        if message:
            return Finding(**message["found"])
        self.cut_short = self.cut_short or self.process.cause(self.limit)
        return Finding(promise.name, "broken", self.cut_short)


class _Process:
    """`harness.testing.worker` at work on one request."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        descriptor, self.log = tempfile.mkstemp(prefix="harness-check-", suffix=".log")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.testing.worker"],  # -P: a `random.py` here is not the library's
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # so that what it starts is ended with it
        )
        os.close(descriptor)
        self.hangs = False
        self.messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.close()

    def next(self, limit: float) -> dict[str, Any] | None:
        """The next message; None if it does not come in time, or the process has ended."""
        try:
            return self.messages.get(timeout=limit)
        except queue.Empty:
            self.hangs = True
            return None

    def cause(self, limit: float) -> str:
        """What to say of a process that hangs or has ended, and where in the plugin that was."""
        if self.hangs:
            self.process.send_signal(signal.SIGUSR1)
            where = self._where(time.monotonic() + _SECONDS_TO_TELL)
            return f"it took longer than {limit:g} s{where}: shorten it, or let it take longer by --timeout"
        code = self.process.wait()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"its process ended {how}{self._where(time.monotonic())}"

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.listener.join(_SECONDS_TO_TELL)  # what a plugin started apart from us may hold the pipe open for ever
        Path(self.log).unlink(missing_ok=True)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.messages.put(json.loads(line))
        self.messages.put(None)

    def _where(self, deadline: float) -> str:
        """' at my_cell.py:12', the innermost line that is neither a library's nor ours; '' if it is not told."""
        while True:
            stack = re.findall(r'File "(.+?)", line (\d+)', Path(self.log).read_text(errors="replace"))
            found = next((f" at {Path(file).name}:{line}" for file, line in stack if _is_a_plugins(Path(file))), "")
            if found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


def _is_a_plugins(file: Path) -> bool:
    core = Path(harness.__file__).parent
    if file.is_relative_to(core):
        return file.parent.name in ("plugins", "tasks")
    libraries = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    inside = any(file.is_relative_to(library) for library in libraries) and "site-packages" not in file.parts
    return file.is_absolute() and not inside and "torch" not in file.parts
