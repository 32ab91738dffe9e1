"""What is measured: which trainings, which part of a step, how often and where. Never imports torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harness.discovery import registry
from harness.names import is_file, split_parts
from harness.spec import RunSpec

PASSES = {"forward": "forward", "backward": "forward and backward", "step": "whole training step"}
PRODUCT, LOOP = "matrix product", "reference"
"""What is measured beside the architectures: the machine's rate, and work of the same kind that never changes."""

_SECONDS_A_TURN = 0.03  # of calls in a row, so that short ones are not lost in the clock
_MOST_CALLS = 20


@dataclass(frozen=True)
class TimedPass:
    """One thing that is timed: a pass of one training, or what is measured beside them (`spec` is None)."""

    label: str
    length: int
    kind: str  # one of PASSES, or PRODUCT or LOOP
    calls: int = 5  # in a row, each of them timed
    spec: RunSpec | None = None

    @property
    def key(self) -> str:
        return f"{self.label}|{self.length}|{self.kind}"


@dataclass(frozen=True)
class Request:
    """A whole measurement, as the processes that carry it out are told it."""

    specs: tuple[RunSpec, ...]  # one for each architecture and length
    device: str = "cpu"
    threads: int = 1
    memory: bool = False  # peak memory too
    processes: int = 3  # fresh ones, since two of them differ more than two rounds of one
    rounds: int = 5  # of every cell in turn, in each process
    seconds: Mapping[str, float] = field(default_factory=dict)  # that a call takes, about, by key; no others are timed
    typed: Mapping[str, Any] = field(default_factory=dict)  # the flags that made this, to ask for it again

    def timed_passes(self) -> list[TimedPass]:
        """One round: each pass right after the reference, so that both run under the same machine load."""
        timed = [TimedPass(s.label, s.length, kind, spec=s) for s in self.specs for kind in PASSES]
        round_of: list[TimedPass] = [TimedPass(PRODUCT, 0, PRODUCT)]
        for cell in (replace(cell, calls=self._calls(cell)) for cell in timed if cell.key in self.seconds):
            round_of += [TimedPass(LOOP, 0, LOOP), cell]
        return round_of

    def turns(self) -> Iterator[tuple[int, int, TimedPass]]:
        """Round, turn and cell of everything that one process times, interleaved."""
        for index in range(self.rounds):
            for turn, cell in enumerate(self.timed_passes()):
                yield index, turn, cell

    def seconds_in_all(self) -> float:
        """About what all processes take for their rounds."""
        once = sum(self.seconds.get(cell.key, 0.005) * cell.calls for cell in self.timed_passes())
        return once * self.rounds * self.processes

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Request:
        """Reads a request back; what this version does not know is a TypeError or a ValueError."""
        content: dict[str, Any] = json.loads(text)
        content["specs"] = tuple(RunSpec.from_json(json.dumps(spec)) for spec in content["specs"])
        return cls(**content)

    def _calls(self, cell: TimedPass) -> int:
        return min(_MOST_CALLS, max(1, round(_SECONDS_A_TURN / max(self.seconds[cell.key], 1e-6))))


def whole_paths(spec: RunSpec) -> RunSpec:
    """The same training with loose files named from the root: it is run from another folder."""
    parts = (_whole(part) for part in split_parts(spec.architecture))
    return replace(spec, architecture=":".join(parts), task=_whole(spec.task))


def _whole(name: str) -> str:
    if not is_file(name):
        return name
    path = registry.find("architecture", name).path
    attribute = name.partition(".py:")[2]
    return f"{path}:{attribute}" if attribute else str(path)
