"""What is kept of a study: what was asked, what the data say of each expectation, and how the verdict came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["confirmed", "refuted", "undecided"]
"""Of an expectation."""
StudyVerdict = Literal["reproduced", "partly", "not reproduced", "undecided"]


@dataclass(frozen=True)
class Finding:
    """What the data say of one expectation."""

    says: str  # the expectation as a sentence
    claimed: str  # 'more than 0', '0.0007, within a factor of 3'
    measured: str  # '+0.412 [+0.350, +0.474]'; '' without data
    verdict: Verdict
    reason: str  # what the verdict rests on, or what is missing
    seeds: int  # that were compared
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

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> StudyRecord:
        """Reads a study back; a TypeError, ValueError or KeyError where another version wrote it."""
        findings = tuple(Finding(**one) for one in content["findings"])
        looks = tuple(Look(**one) for one in content["looks"])
        deviations = tuple(content["deviations"])
        return cls(**{**content, "findings": findings, "looks": looks, "deviations": deviations})

    @classmethod
    def from_json(cls, text: str) -> StudyRecord:
        """The same from text."""
        return cls.from_plain(json.loads(text))
