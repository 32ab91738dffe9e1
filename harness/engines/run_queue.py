"""The runs that wait for a worker, and which is next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, takewhile

from harness.spec import RunSpec

_LOOK_AHEAD = 100  # runs that are compared to choose the next: this takes some twenty microseconds


@dataclass(frozen=True)
class WaitingRun:
    """A run and the code that its process may load (see `harness.engines.isolation.foreign_code`)."""

    key: str
    spec: RunSpec
    code: str = ""


class RunQueue:
    """In the order of submission, but among the next runs of one seed the longest first, so that workers end together.

    The expected duration of a run is that of the last one which differed from it in its seed alone. Runs without one
    come before the others, those with the most training data first.
    """

    def __init__(self) -> None:
        self.waiting: deque[WaitingRun] = deque()
        self.seconds: dict[tuple[str, str, int], float] = {}

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, run: WaitingRun) -> None:
        self.waiting.append(run)

    def put_back(self, runs: Iterable[WaitingRun]) -> None:
        """Runs that were taken and did not begin; they come first."""
        self.waiting.extendleft(reversed(list(runs)))

    def clear(self) -> None:
        self.waiting.clear()

    def record_duration(self, spec: RunSpec, seconds: float) -> None:
        self.seconds[_kind(spec)] = seconds

    def take(self, code: str | None = None) -> WaitingRun | None:
        """Removes and returns the next run: of this code only, where one is given; None if there is none."""
        if not self.waiting:
            return None
        seed = self.waiting[0].spec.seed
        next_runs = takewhile(lambda run: run.spec.seed == seed, islice(self.waiting, _LOOK_AHEAD))
        expected = {
            index: self._expected(run.spec) for index, run in enumerate(next_runs) if code is None or run.code == code
        }
        if not expected:
            return None
        index = max(expected, key=lambda index: expected[index])
        run = self.waiting[index]
        del self.waiting[index]
        return run

    def _expected(self, spec: RunSpec) -> tuple[bool, float]:
        """What a run is ordered by: whether its duration is unknown, then the duration or the amount of work."""
        seconds = self.seconds.get(_kind(spec))
        return (True, _work(spec)) if seconds is None else (False, seconds)


def _work(spec: RunSpec) -> int:
    """Time steps of training, roughly."""
    return spec.length * spec.steps * spec.batch_size


def _kind(spec: RunSpec) -> tuple[str, str, int]:
    return spec.label, spec.task_label, spec.length
