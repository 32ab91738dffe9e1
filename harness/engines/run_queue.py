"""The runs that wait for a worker, and whose turn it is."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from itertools import islice, takewhile

from harness.spec import RunSpec

_LOOK_AHEAD = 100  # runs; a look takes some twenty microseconds


class Turns:
    """In the order in which they came, but of the next ones of a seed the longest first: so workers end together.

    How long a run takes is told by the last one that differed from it in its seed alone; what nothing is known of comes
    before the rest.
    """

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, RunSpec]] = deque()
        self.seconds: dict[tuple[str, str, int], float] = {}

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, key: str, spec: RunSpec) -> None:
        self.waiting.append((key, spec))

    def add_first(self, runs: Iterable[tuple[str, RunSpec]]) -> None:
        self.waiting.extendleft(reversed(list(runs)))

    def clear(self) -> None:
        self.waiting.clear()

    def took(self, spec: RunSpec, seconds: float) -> None:
        self.seconds[_kind(spec)] = seconds

    def next(self) -> str:
        """The key of the run whose turn it is; it waits no more."""
        seed = self.waiting[0][1].seed
        specs = (spec for _, spec in islice(self.waiting, _LOOK_AHEAD))
        alike = takewhile(lambda spec: spec.seed == seed, specs)
        expected = [self.seconds.get(_kind(spec), math.inf) for spec in alike]
        index = expected.index(max(expected))
        key, _ = self.waiting[index]
        del self.waiting[index]
        return key


def _kind(spec: RunSpec) -> tuple[str, str, int]:
    return spec.label, spec.task_label, spec.length
