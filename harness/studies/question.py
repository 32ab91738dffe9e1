"""A study as it is asked: a question, the sweeps that answer it, and expectations that can be tested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

SEED_KEYS = ("seeds", "first_seed", "first-seed")
"""Keys of a sweep that say how much is looked at, and not what: they are told beside a verdict."""

Lengths: TypeAlias = tuple[int, ...] | Literal["all", "longest"]


@dataclass(frozen=True, kw_only=True)
class Where:
    """What an expectation is about: a metric, and the runs that it is taken from."""

    metric: str
    task: str = ""  # its label; '': the only one of the sweep
    sweep: str = ""  # '': the only one
    lengths: Lengths = "all"  # tested at; a seed's value is the mean over them
    trained_at: int | None = None  # None: at the length tested at, or on a range
    says: str = ""  # the sentence; '': generated


@dataclass(frozen=True, kw_only=True)
class Difference(Where):
    """`first` has more than `second`: paired by seed, one-sided. Of `less` and `than`, `than` is the first."""

    first: str
    second: str
    less: bool = False  # written as `less = second`, `than = first`
    by: float = 0.0  # at least by so much
    factor: float | None = None  # at least so many times as much
    than: Where | None = None  # where what stands after `than` is taken from; None: from the same place

    @property
    def sides(self) -> tuple[tuple[str, Where], tuple[str, Where]]:
        """Label and place of the first and of the second."""
        other = self.than or self
        places = (other, self) if self.less else (self, other)
        return (self.first, places[0]), (self.second, places[1])


@dataclass(frozen=True, kw_only=True)
class Value(Where):
    """A metric of one architecture lies within bounds, in the median seed or in a share of all seeds."""

    of: str
    low: float | None = None
    high: float | None = None
    printed: float | None = None  # the number that the bounds surround
    within: str = ""  # how: 'factor 3', '0.05'
    share: float | None = None  # of seeds; None: the median seed

    @property
    def sides(self) -> tuple[tuple[str, Where]]:
        return ((self.of, self),)


@dataclass(frozen=True, kw_only=True)
class Equal(Where):
    """A metric of two architectures differs by less than a margin: two one-sided tests."""

    first: str
    second: str
    margin: float  # a difference, or a factor
    is_factor: bool = False

    @property
    def sides(self) -> tuple[tuple[str, Where], tuple[str, Where]]:
        return (self.first, self), (self.second, self)


Expectation: TypeAlias = Difference | Value | Equal


@dataclass(frozen=True)
class Study:
    """One file: nothing of it has been run or checked against plugins yet."""

    name: str  # the file's stem
    path: Path
    question: str
    kind: str
    source: str
    sweeps: Mapping[str, Mapping[str, Any]]  # by name, '' for the only one: the keys of `harness run --config`
    expectations: tuple[Expectation, ...]
    printed_is: str = ""
    deviations: tuple[str, ...] = ()
    cpu_minutes: float | None = None  # what all runs cost, as its author says
    origin: str = field(default="", compare=False)  # distribution and version, or '' for a loose file

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits of what is asked: of the question, its expectations and its sweeps without seeds."""
        return hashlib.sha256(self.asked.encode()).hexdigest()[:16]

    @property
    def asked(self) -> str:
        """What the digest covers, as JSON."""
        sweeps = {
            name: {key.replace("-", "_"): value for key, value in table.items() if key not in SEED_KEYS}
            for name, table in self.sweeps.items()
        }
        expected = [{"kind": type(one).__name__, **_given(asdict(one))} for one in self.expectations]
        return json.dumps(
            {"question": self.question, "sweeps": sweeps, "expect": expected}, sort_keys=True, default=str
        )

    @property
    def called(self) -> str:
        """How a command names it: by its name, or by its path if it is no installed one."""
        return self.name if self.origin else str(self.path)


def sweep_in_words(name: str) -> str:
    """'[sweep]', or "sweep 'small'" where there are several."""
    return f"sweep {name!r}" if name else "[sweep]"


def _given(expectation: dict[str, Any]) -> dict[str, Any]:
    """What the file gives: a key that is added to the schema later, and is not given, changes no digest."""
    return {
        key: _given(value) if isinstance(value, dict) else value
        for key, value in expectation.items()
        if key != "says" and value is not None and value is not False and value != ""
    }
