"""Where runs are executed. An engine takes runs, tells what happens to them and hands back records."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # an engine starts its workers before the driver imports torch
    from harness.record import Progress, Record
    from harness.spec import RunSpec


class EndedRun(NamedTuple):
    """A run that came to its end, under the key that it was submitted with."""

    key: str
    record: Record


class Listener(Protocol):
    """Hears of runs, by the key they were submitted under, in the driver's own thread."""

    def claim(self, key: str) -> bool:
        """Asked before a run is handed out, and again if it is handed out again; False: drop it, another has it."""
        ...

    def started(self, key: str) -> None: ...
    def progressed(self, key: str, progress: Progress) -> None: ...


class Engine(Protocol):
    """Executes runs: submit any number, collect until all are back."""

    @property
    def capacity(self) -> int:
        """Runs that it executes at once."""
        ...

    def submit(self, key: str, spec: RunSpec) -> None: ...

    def collect(self, listener: Listener) -> list[EndedRun]:
        """Waits for at least one run to end; an empty list means that none is left, as where all were refused.

        An exception of the listener, or Ctrl-C, loses none that had ended: the next call hands them back.
        """
        ...

    def stop(self, key: str) -> None:
        """Has one run that is under way end when it next tells of itself, as 'pruned'; it may end by itself before."""
        ...

    def cancel(self) -> None:
        """Starts nothing new and ends what is running; one more `collect` hands back what had ended before."""
        ...
