"""The display of a running sweep in a notebook: progress, and verdict, table and figure of what has ended so far.

It is HTML that is replaced in place: JupyterLab, VS Code and Colab show it without a widget or an extension.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from harness.discovery import registry
from harness.record import Progress, Record
from harness.report import Results
from harness.spec import Planned, RunSpec
from harness.sweeps.progress import Pace, look, name, notebook_shell, waiting_message

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_BETWEEN_RESULTS = 2.0
_SHARE_FOR_RESULTS = 0.1  # of the time, at most, that making the table and the figure may take
_MOST_SHOWN = 12  # running runs


def live_display() -> LiveDisplay | None:
    """The display for the notebook that runs this; None where there is no notebook."""
    shell = notebook_shell()
    return None if shell is None else LiveDisplay(shell.execution_count)


class LiveDisplay:
    """A place under a cell that shows a sweep while it runs, and its results afterwards."""

    def __init__(self, cell: int) -> None:
        self.cell = cell
        self.runs: Mapping[str, RunSpec] = {}
        self.ended_runs: dict[str, Record] = {}
        self.running: dict[str, Progress | None] = {}
        self.told = "starting"
        self.pace: Pace | None = None
        self.results = ""  # verdict, table and figure, as HTML
        self.looked = self.made = 0.0  # when
        self.cost = 0.0  # seconds to make the results
        self.interrupted = False

    def __enter__(self) -> LiveDisplay:
        from IPython.display import display

        self.handle: Any = display(self._content(), raw=True, display_id=True)
        return self

    def __exit__(self, *error: object) -> None:
        self.interrupted = any(error)
        self.running.clear()
        if self.runs:
            self._make_results()
            self.told = "stopped" if self.interrupted or len(self.ended_runs) < len(self.runs) else ""
        self._show()

    def loading(self, runs: int) -> None:
        self.told = "searching the store for finished runs"
        self._show()

    def planned(self, runs: Mapping[str, RunSpec], done: Mapping[str, Record]) -> None:
        self.runs, self.ended_runs = runs, dict(done)
        self.pace = Pace(runs, len(done))
        self.told = "starting" if len(done) < len(runs) else ""
        self._make_results()
        self._show()

    def started(self, key: str) -> None:
        assert self.pace
        self.pace.started()
        self.running[key] = None
        self.told = ""
        self._look()

    def progressed(self, key: str, progress: Progress) -> None:
        assert self.pace
        self.pace.progressed(key, progress)
        self.running[key] = progress
        self._look()

    def ended(self, key: str, record: Record) -> None:
        assert self.pace
        self.pace.ended(key)
        self.running.pop(key, None)
        self.ended_runs[key] = record
        if time.monotonic() - self.made >= max(_SECONDS_BETWEEN_RESULTS, self.cost / _SHARE_FOR_RESULTS):
            self._make_results()
        self._look()

    def retrying(self, key: str, record: Record) -> None:
        assert self.pace
        self.pace.failed(key)
        self.running.pop(key, None)
        self.told = f"{name(record.spec)} is repeated: {record.status}: {record.reason}"
        self._look()

    def waiting_for_store(self, reason: str) -> None:
        self.told = waiting_message(reason)
        self._show()

    def _look(self) -> None:
        """Shows the progress, unless that was done just now."""
        if time.monotonic() - self.looked >= _SECONDS_BETWEEN_LOOKS:
            self._show()

    def _show(self) -> None:
        self.looked = time.monotonic()
        self.handle.update(self._content(), raw=True)

    def _content(self) -> dict[str, str]:
        return {"text/html": self._progress() + self.results, "text/plain": self._counted()}

    def _make_results(self) -> None:
        self.made = time.monotonic()
        records = [self.ended_runs[key] for key in self.runs if key in self.ended_runs]
        if records:
            missing = [Planned.of(spec) for key, spec in self.runs.items() if key not in self.ended_runs]
            write = registry.find("report", "notebook").load()
            with tempfile.TemporaryDirectory() as folder:
                (file,) = write(Results(records, missing), Path(folder))
                self.results = file.read_text(encoding="utf-8")
        self.cost = time.monotonic() - self.made

    def _progress(self) -> str:
        """A bar for all runs together, and one for each running run."""
        bar = f'<progress value="{len(self.ended_runs)}" max="{len(self.runs)}"></progress> ' if self.runs else ""
        rows = "".join(map(self._row, list(self.running)[:_MOST_SHOWN]))
        more = len(self.running) - _MOST_SHOWN
        rows += f"<tr><td>and {more} more</td></tr>" if more > 0 else ""
        return f"<p>{bar}{escape(self._counted())}</p>{f'<table>{rows}</table>' if rows else ''}"

    def _row(self, key: str) -> str:
        progress = self.running[key]
        step = progress.step if progress else 0
        told = look(progress) if progress else "starting"
        bar = f'<progress value="{step}" max="{self.runs[key].steps}"></progress>'
        return f"<tr><td>{escape(name(self.runs[key]))}</td><td>{bar}</td><td>{escape(told)}</td></tr>"

    def _counted(self) -> str:
        """How far the sweep is, in words."""
        if not self.runs:
            return self.told
        failed = sum(record.status not in ("ok", "refused") for record in self.ended_runs.values())
        parts = [f"{len(self.ended_runs):,} of {len(self.runs):,} runs", f"{failed} failed" if failed else ""]
        parts.append(f"about {self.pace.left()} left" if self.pace and self.running else self.told)
        return ", ".join(filter(None, parts))
