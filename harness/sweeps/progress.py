"""The display of a running sweep: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich import progress as bars
from rich.console import Console

from harness.record import Progress, Record
from harness.spec import RunSpec
from harness.sweeps.driver import Display
from harness.training.loops.used import STEP_BY_STEP

_SECONDS_BETWEEN_LINES = 10
_MANY = 500  # runs from which the search for finished ones takes more than a second


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *error: object) -> None: ...
    def loading(self, runs: int) -> None: ...
    def planned(self, runs: Mapping[str, RunSpec], done: Mapping[str, Record]) -> None: ...
    def started(self, key: str) -> None: ...
    def progressed(self, key: str, progress: Progress) -> None: ...
    def ended(self, key: str, record: Record) -> None: ...
    def retrying(self, key: str, record: Record) -> None: ...
    def waiting_for_store(self, reason: str) -> None: ...


class Lines:
    """A line when a run begins or ends, and one every ten seconds in between."""

    def loading(self, runs: int) -> None:
        if runs >= _MANY:
            say(_loading_message(runs))

    def planned(self, runs: Mapping[str, RunSpec], done: Mapping[str, Record]) -> None:
        self.runs, self.total, self.ended_runs = runs, len(runs), len(done)
        self.pace = Pace(runs, len(done))
        self.last = time.monotonic()
        for line in solved_sizes(runs.values()):
            say(line)
        say(f"{len(runs)} run{'s' if len(runs) != 1 else ''} planned, {len(done)} finished before")

    def started(self, key: str) -> None:
        self.pace.started()
        say(f"{name(self.runs[key])}: started")

    def progressed(self, key: str, progress: Progress) -> None:
        self.pace.progressed(key, progress)
        if time.monotonic() - self.last >= _SECONDS_BETWEEN_LINES:
            self.last = time.monotonic()
            spec = self.runs[key]
            say(f"{name(spec)}: step {progress.step}/{spec.steps} {look(progress)} | {self.pace.left()} left")

    def ended(self, key: str, record: Record) -> None:
        self.ended_runs += 1
        self.pace.ended(key)
        say(f"[{self.ended_runs}/{self.total}] {result(record)}")

    def retrying(self, key: str, record: Record) -> None:
        self.pace.failed(key)
        say(f"{result(record)}; it is repeated")

    def waiting_for_store(self, reason: str) -> None:
        say(waiting_message(reason))


class Bars:
    """A bar for all runs together, and one for each running run."""

    def __init__(self, shown: bars.Progress) -> None:
        self.bars = shown
        self.tasks: dict[str, bars.TaskID] = {}

    def loading(self, runs: int) -> None:
        if runs >= _MANY:
            self.bars.console.print(_loading_message(runs), highlight=False)

    def planned(self, runs: Mapping[str, RunSpec], done: Mapping[str, Record]) -> None:
        for line in solved_sizes(runs.values()):
            self._say(line)
        self.runs = runs
        self.pace = Pace(runs, len(done))
        self.all = self.bars.add_task("all runs", total=len(runs), completed=len(done), look="")

    def started(self, key: str) -> None:
        self.pace.started()
        spec = self.runs[key]
        short = f"{spec.label}, {spec.task_label} {spec.length_text}, seed {spec.seed}"
        self.tasks[key] = self.bars.add_task(short, total=self.runs[key].steps, look="")

    def progressed(self, key: str, progress: Progress) -> None:
        self.pace.progressed(key, progress)
        self.bars.update(self.tasks[key], completed=progress.step, look=look(progress))
        self.bars.update(self.all, look=f"about {self.pace.left()} left")

    def ended(self, key: str, record: Record) -> None:
        self.pace.ended(key)
        if key in self.tasks:
            self.bars.remove_task(self.tasks.pop(key))
        self.bars.update(self.all, advance=1)
        self._say(result(record))

    def retrying(self, key: str, record: Record) -> None:
        self.pace.failed(key)
        if key in self.tasks:
            self.bars.remove_task(self.tasks.pop(key))
        self._say(f"{result(record)}; it is repeated")

    def waiting_for_store(self, reason: str) -> None:
        self._say(waiting_message(reason))

    def _say(self, text: str) -> None:
        self.bars.console.print(text, highlight=False, markup=False)  # a reason may hold brackets


class Pace:
    """Estimates the time left; it assumes that a time step costs the same in all runs."""

    def __init__(self, runs: Mapping[str, RunSpec], done: int) -> None:
        self.total = sum(_work(spec) for spec in runs.values()) * (1 - done / max(len(runs), 1))
        self.runs, self.ended_work, self.begun = runs, 0.0, 0.0
        self.running: dict[str, Progress] = {}

    def started(self) -> None:
        self.begun = self.begun or time.monotonic()

    def progressed(self, key: str, progress: Progress) -> None:
        self.running[key] = progress

    def failed(self, key: str) -> None:
        self.running.pop(key, None)

    def ended(self, key: str) -> None:
        self.running.pop(key, None)
        self.ended_work += _work(self.runs[key])

    def left(self) -> str:
        """The time left as text; '?' before the first progress."""
        going_on = sum(_work(self.runs[key]) * look.step / self.runs[key].steps for key, look in self.running.items())
        done = self.ended_work + going_on
        if done <= 0:
            return "?"
        seconds = max(0.0, (time.monotonic() - self.begun) * (self.total - done) / done)
        return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


@contextmanager
def display() -> Iterator[Display]:
    """Bars if standard error is a terminal, lines otherwise."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    console = Console(stderr=True)
    with bars.Progress(*_columns(console.width), console=console, refresh_per_second=4, transient=True) as shown:
        yield Bars(shown)


def _columns(width: int) -> list[bars.ProgressColumn]:
    """The columns that fit into 80 characters, with bars and times if there is more room."""
    name, look = (bars.TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[look]"))
    if width < 120:
        return [name, bars.MofNCompleteColumn(), look]
    return [name, bars.BarColumn(bar_width=20), bars.MofNCompleteColumn(), look, bars.TimeElapsedColumn()]


def name(spec: RunSpec) -> str:
    return f"{spec.label} on {spec.task_label}, length {spec.length_text}, seed {spec.seed}"


def solved_sizes(runs: Iterable[RunSpec]) -> list[str]:
    """The `hidden_size` of each architecture, where it was solved from a number of parameters."""
    sizes: dict[tuple[int, str, str], set[int]] = {}
    for spec in runs:
        if "params" in spec.asked:
            key = (spec.asked["params"], spec.task_label, spec.label)
            sizes.setdefault(key, set()).add(spec.hidden_size)
    lines: dict[tuple[int, str], list[str]] = {}
    for (params, task, label), found in sizes.items():
        lines.setdefault((params, task), []).append(f"{label} {'..'.join(map(str, sorted({min(found), max(found)})))}")
    return [
        f"hidden_size for {params:,} parameters on {task}: {', '.join(said)}" for (params, task), said in lines.items()
    ]


def look(progress: Progress) -> str:
    accuracy = "-" if progress.accuracy is None else f"{progress.accuracy:.1%}"
    return f"loss {progress.loss:.3g}, validation {accuracy}, {progress.tokens_per_second:,.0f} tokens/s"


def result(record: Record) -> str:
    """One line on how a run ended."""
    if record.status != "ok":
        return f"{name(record.spec)}: {record.status}: {record.reason}"
    chance = "?" if record.chance is None else f"{record.chance:.1%}"
    accuracy = "?" if record.accuracy is None else f"{record.accuracy:.1%}"
    return (
        f"{name(record.spec)}: test accuracy {accuracy} (chance {chance}), {_reached(record)}, {record.seconds:.1f} s"
        f"{_not_compiled(record)}"
    )


def _not_compiled(record: Record) -> str:
    """Why a loop that was asked for could not be generated; '' elsewhere."""
    kernels = record.environment.get("kernel", "").split("; ")
    why = [kernel.removeprefix(f"{STEP_BY_STEP} (")[:-1] for kernel in kernels if kernel.startswith(STEP_BY_STEP)]
    return f"; not compiled: {why[0]}" if why else ""


def _reached(record: Record) -> str:
    """Whether validation passed the threshold while training; accuracy on test data may be on its other side."""
    if record.steps_to_solve is None:
        return f"threshold not reached in {record.steps} steps (validation)"
    return f"threshold reached after {record.steps_to_solve} steps (validation)"


def say(line: str) -> None:
    """Prints a line on standard error at once, also where that is a file or a pipe; in a notebook on standard output.

    Notebooks show what is on standard error in red, as an error.
    """
    print(line, file=sys.stderr if notebook_shell() is None else sys.stdout, flush=True)


def notebook_shell() -> Any:
    """IPython's shell where a notebook runs this process; None elsewhere."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    shell = get_ipython()
    return shell if hasattr(shell, "kernel") else None


def _loading_message(runs: int) -> str:
    return f"{runs:,} runs planned; searching the store for finished ones ..."


def waiting_message(reason: str) -> str:
    return f"{reason}\n  finished results are kept in memory until they can be written; Ctrl-C gives up"


def _work(spec: RunSpec) -> float:
    return spec.steps * spec.batch_size * (spec.length + 20)
