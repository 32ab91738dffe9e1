"""Examines a plugin in a guarded process: one that hangs, dies or prints does no harm. Never imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from harness.discovery.registry import Kind
from harness.errors import PluginError
from harness.process.guarded import GuardedProcess
from harness.testing.findings import Finding, Promise

_PATIENCE = 300.0  # seconds for our own imports, before any of the plugin's code: a shared disk may be slow
_IMPORT = Promise("is imported", "Importing it takes a moment.", "Way out: do at import only what defines the plugin.")

NOT_CHECKED = "not checked"
"""What the detail of a promise begins with whose turn did not come."""


class Examination:
    """What became of each promise of one plugin, in turn, each within `limit` seconds.

    Iterating gives a promise and what was found of it. A plugin that hangs or dies breaks the promise that was being
    checked, and those after it are skipped. Raises PluginError for what cannot be found or imported.
    With `on`, the name of a task, an architecture is examined as a run on that task would do, at `length`.
    """

    def __init__(
        self,
        name: str,
        kind: Kind | None,
        options: Mapping[str, Sequence[str]],
        limit: float,
        on: str | None = None,
        length: int | None = None,
    ) -> None:
        typed = {key: list(values) for key, values in options.items()}
        self.request = {"name": name, "kind": kind, "options": typed, "on": on, "length": length}
        self.limit = limit
        self.kind: str = kind or "plugin"
        self.promises = [_IMPORT]
        self.cut_short = ""  # why the process did not come to its end

    def __enter__(self) -> Self:
        self.process = GuardedProcess.start("harness.testing.worker:serve", self.request, name="check")
        begun = self.process.receive(_PATIENCE) and self.process.receive(self.limit)
        if begun is None:
            self.cut_short = self._cause()
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
        message = None if self.cut_short else self.process.receive(self.limit)
        if message:
            return Finding(**message["found"])
        self.cut_short = self.cut_short or self._cause()
        return Finding(promise.name, "broken", self.cut_short)

    def _cause(self) -> str:
        """What to say of a process that hangs or has ended, and where in the plugin that was."""
        if self.process.hangs():
            where = self.process.where_it_hangs()
            return f"it took longer than {self.limit:g} s{where}: shorten it, or let it take longer by --timeout"
        return f"{self.process.exit_reason().text}{self.process.where_it_ended()}"
