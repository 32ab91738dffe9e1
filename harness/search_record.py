"""The result of a search, as plain data: for the store, for `run --tuned`, and for reports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Trial:
    """One trial that ended."""

    number: int
    state: str  # 'complete', 'pruned' or 'failed'
    score: float  # as the objective counts it: a pruned one's where it was pruned, a failed one's that of chance
    steps: int  # trained, over all lengths
    values: dict[str, Any]  # of what was searched


@dataclass(frozen=True)
class SearchRecord:
    """The best setting of one study, and what it took to find it. Scores are of validation data."""

    study: str  # its digest
    name: str  # in Optuna's storage
    storage: str
    architecture: str
    task: str
    label: str
    task_label: str
    task_options: dict[str, Any]  # those that were typed
    lengths: list[int]
    objective: str
    params: int | None
    space: dict[str, str]
    logarithmic: list[str]  # names in `space` that are searched on a logarithmic scale
    budget: dict[str, Any]  # what has to be alike for a fair comparison
    counts: dict[str, int]  # of trials: complete, pruned, failed
    cost: dict[str, float]  # steps and seconds of training, over all trials
    trial: int  # the best one's number
    score: float
    default_score: float | None  # of the published default; None: it failed or was pruned
    chance: float | None  # None where the objective has none
    confirmed: list[float]  # on fresh seeds
    values: dict[str, Any]  # of what was searched
    hidden_size: int
    settings: dict[str, Any]  # how it was trained, as `TunedSetting.values` takes it
    seeds: list[int]  # used so far, for training and for choosing
    trials: list[Trial]
    expected_best: list[float]  # of 1, 2, ... trials
    importances: dict[str, float]  # empty: too few trials to tell

    @property
    def maximises(self) -> bool:
        return self.objective == "accuracy"

    @property
    def fresh_seed(self) -> int:
        return max(self.seeds) + 1

    @property
    def budget_in_words(self) -> str:
        """The budget in words: trials, steps, study."""
        ended = sum(self.counts.values())
        return f"{ended} trials of {self.budget['steps']} steps, study {self.study}"

    def shared_space(self) -> dict[str, str]:
        """What is searched for every architecture: the options of one's own differ by nature."""
        return {name: text for name, text in self.space.items() if "." not in name}

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SearchRecord:
        """Reads a search back; a TypeError, ValueError or KeyError where another version wrote it."""
        return cls.from_plain(json.loads(text))

    @classmethod
    def from_plain(cls, content: dict[str, Any]) -> SearchRecord:
        """A search from plain data; the same errors as `from_json`."""
        return cls(**{**content, "trials": [Trial(**trial) for trial in content["trials"]]})


class UnequalSearches(NamedTuple):
    """Two searches on one task that were not tuned alike."""

    one: SearchRecord
    other: SearchRecord
    differences: list[str]  # in words


def differences(one: SearchRecord, other: SearchRecord) -> list[str]:
    """How the budgets and the shared spaces of two searches differ, in words; empty where they compare."""
    pairs = [("", one.budget, other.budget), ("the range of ", one.shared_space(), other.shared_space())]
    return [
        f"{what}{key} ({first.get(key)} and {second.get(key)})"
        for what, first, second in pairs
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    ]


def unequal_searches(searches: Sequence[SearchRecord]) -> Iterator[UnequalSearches]:
    """Compares each search with the first one on its task."""
    first: dict[str, SearchRecord] = {}
    for one in searches:
        other = first.setdefault(one.task_label, one)
        found = differences(other, one)
        if found:
            yield UnequalSearches(other, one, found)
