"""What is kept of a study: what was asked, what the data say of each expectation, and how the verdict came about."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Verdict = Literal["confirmed", "refuted", "undecided"]
"""Of an expectation."""
StudyVerdict = Literal["reproduced", "partly", "not reproduced", "undecided"]


@dataclass(frozen=True)
class Side:
    """One architecture in an expectation: its metric by seed."""

    name: str
    seeds: tuple[int, ...]
    values: tuple[float, ...]  # infinite: it never got there

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> Side:
        """JSON has no word for infinity: it is null there."""
        values = tuple(math.inf if value is None else value for value in content["values"])
        return cls(content["name"], tuple(content["seeds"]), values)


@dataclass(frozen=True)
class Finding:
    """What the data say of one expectation."""

    says: str  # the expectation as a sentence
    claimed: str  # 'more than 0', '0.0007, within a factor of 3'
    measured: str  # '+0.412 [+0.350, +0.474]'; '' without data
    verdict: Verdict
    reason: str  # what the verdict rests on, or what is missing
    seeds: int  # that were compared
    metric: str = ""  # what `sides` hold, in words
    form: str = "{}"  # how a value of it is written
    sides: tuple[Side, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)  # of a value that is expected within them
    p: float | None = None  # of the verdict's test, corrected over the study's expectations (Holm)
    needed: int | None = None  # seeds that would decide, as far as the data tell; None: decided, or not to be told


@dataclass(frozen=True)
class Look:
    """One time at which a study was judged on data that had not been judged before."""

    at: float  # seconds since 1970
    digest: str  # of the question as it was then
    seeds: int
    runs: int
    verdict: str


@dataclass(frozen=True)
class StudyRecord:
    """A study, its verdict, and where both come from."""

    name: str
    question: str
    kind: str  # 'claim', 'published' or 'hypothesis'
    source: str
    digest: str  # of question, expectations and sweeps
    verdict: StudyVerdict
    findings: tuple[Finding, ...]
    printed_is: str = ""  # what the printed numbers are
    deviations: tuple[str, ...] = ()
    seeds: int = 0  # the fewest of any sweep
    runs: int = 0  # that ended
    missing: int = 0  # runs
    failed: int = 0  # runs that ended without a result
    cpu_seconds: float = 0.0  # of training, over all runs
    command: str = ""  # the line that runs it
    measured: str = ""  # when, where, and by which versions
    written: float = 0.0  # when the question was recorded, in seconds since 1970; 0: never
    runs_before: int = 0  # of its runs that were finished by then
    looks: tuple[Look, ...] = field(default=())  # oldest first, those at other wordings of the question among them

    @property
    def history(self) -> list[str]:
        """How the verdict came about: when the question was recorded, whether it was changed, how many looks."""
        sentences = []
        if self.written:
            late = f"when {self.runs_before} of its runs were finished"
            before = late if self.runs_before else "before its first run"
            sentences.append(f"The question was recorded on {_date(self.written)}, {before}.")
        else:
            sentences.append("The question was not recorded before its runs.")
        others = [look for look in self.looks if look.digest != self.digest]
        if others:
            wordings = len({look.digest for look in others})
            sentences.append(
                f"It was changed after data were there: {wordings} other wording{'s' * (wordings > 1)} judged before, "
                f"the last on {_date(max(look.at for look in others))} ({others[-1].verdict})."
            )
        mine = [look for look in self.looks if look.digest == self.digest]
        if len(mine) > 1:
            seeds = ", ".join(str(look.seeds) for look in mine)
            sentences.append(
                f"The data were looked at {len(mine)} times, with {seeds} seeds; p-values are not corrected for that."
            )
        return sentences

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> StudyRecord:
        """Reads a study back; a TypeError, ValueError or KeyError where another version wrote it."""
        findings = tuple(
            Finding(**{**one, "sides": tuple(map(Side.from_plain, one["sides"])), "bounds": tuple(one["bounds"])})
            for one in content["findings"]
        )
        looks = tuple(Look(**one) for one in content["looks"])
        deviations = tuple(content["deviations"])
        return cls(**{**content, "findings": findings, "looks": looks, "deviations": deviations})

    @classmethod
    def from_json(cls, text: str) -> StudyRecord:
        """The same from text."""
        return cls.from_plain(json.loads(text))


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
