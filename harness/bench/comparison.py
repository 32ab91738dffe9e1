"""Two sessions compared: which differences are beyond the noise of a process, and beyond a rank test.

The load, temperature and memory layout of a machine differ from session to session. So each turn of a cell is taken
relative to the reference timed around it, and the process is the unit: its lower quartile over rounds. The difference
of two sessions that measure the same (A/A) has two parts: that between processes of one session, and what the
reference does not remove between sessions, which one session alone cannot show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

import numpy as np
from scipy import stats

from harness.bench.measurement import Measurement, Turn
from harness.errors import UsageError
from harness.spec import RunSpec

ALPHA = 0.02  # family-wise, over all cells of a comparison
BETWEEN_SESSIONS = 0.015
"""What sessions differ by beyond their processes, a standard deviation, as benchmarks/bench_noise.py found it."""

_SAME = ("cpu", "cores", "device", "device.name", "threads", "timer", "version.torch", "denormals_flushed")
_NOT_COMPARED: dict[str, Any] = {
    "architecture": "",
    "architecture_code": "",
    "task": "",
    "task_code": "",
    "task_data": "",
    "asked": {},
}


@dataclass(frozen=True)
class TimingChange:
    """One cell, before and now."""

    label: str
    length: int
    kind: str
    ratio: float  # of times, both relative to the reference; above 1 is slower
    floor: float  # ratios from 1/floor to floor are noise
    p: float  # of the rank test over turns, corrected (Bonferroni) for the number of cells

    @property
    def verdict(self) -> Literal["slower", "faster", "same"]:
        if self.p > ALPHA or 1 / self.floor <= self.ratio <= self.floor:
            return "same"
        return "slower" if self.ratio > 1 else "faster"


def refuse_other_machine(before: Measurement, now: Mapping[str, str]) -> None:
    """Raises UsageError where the machine, or how it computes, is another one."""
    was = before.environment
    unlike = [f"{key} was {was.get(key)}, is {now.get(key)}" for key in _SAME if was.get(key) != now.get(key)]
    if unlike:
        raise UsageError(
            f"Measured on another machine: {'; '.join(unlike)}.\n"
            "Measure both here, or add --across-machines and doubt the result."
        )


def refuse_other_settings(before: Measurement, specs: Sequence[RunSpec]) -> None:
    """Raises UsageError where what is asked for has nothing in common with what was measured before."""
    known = {(spec.label, spec.length): spec for spec in before.request.specs}
    common = [(spec, known[spec.label, spec.length]) for spec in specs if (spec.label, spec.length) in known]
    if not common:
        there = ", ".join(dict.fromkeys(f"{label} T={length}" for label, length in known))
        raise UsageError(f"Nothing of this was measured before: there is {there}.")
    for spec, old in common:
        new, was = (replace(one, **_NOT_COMPARED) for one in (spec, old))
        unlike = [
            f"{key} was {value}, is {vars(new)[key]}"
            for key, value in vars(was).items()
            if key in RunSpec.__dataclass_fields__ and value != vars(new)[key]
        ]
        if unlike:
            raise UsageError(f"{spec.label} T={spec.length} was measured at other settings: {'; '.join(unlike)}.")


def changes(before: Measurement, now: Measurement) -> list[TimingChange]:
    """Every cell that both sessions have, in the order of now."""
    keys = [(row.label, row.length, row.kind) for row in now.rows]
    both = [key for key in keys if _key(key) in before.turns and _key(key) in now.turns]
    pairs = [(before.turns[_key(key)], now.turns[_key(key)]) for key in both]
    spread = _spread([session for pair in pairs for session in pair])
    return [_change(key, *pair, spread, len(pairs)) for key, pair in zip(both, pairs, strict=True)]


@dataclass(frozen=True)
class _Spread:
    """How much processes of one session differ: standard deviation of a logarithm, over all cells."""

    deviation: float
    freedom: int


def _key(cell: tuple[str, int, str]) -> str:
    return "|".join(map(str, cell))


def _of_processes(turns: Sequence[Sequence[Turn]]) -> list[float]:
    """One number for each process: the lower quartile over rounds, since disturbances make them longer only."""
    return [math.log(float(np.quantile([turn.relative for turn in one], 0.25))) for one in turns]


def _spread(sessions: Sequence[Sequence[Sequence[Turn]]]) -> _Spread:
    squares, freedom = 0.0, 0
    for values in map(_of_processes, sessions):
        squares += sum((value - fmean(values)) ** 2 for value in values)
        freedom += len(values) - 1
    return _Spread(math.sqrt(squares / freedom) if freedom else math.inf, freedom)


def _change(
    cell: tuple[str, int, str],
    before: Sequence[Sequence[Turn]],
    now: Sequence[Sequence[Turn]],
    spread: _Spread,
    cells: int,
) -> TimingChange:
    old, new = _of_processes(before), _of_processes(now)
    error = spread.deviation * math.sqrt(1 / len(old) + 1 / len(new))
    of_processes = min(_critical(len(old) + len(new) - 2, spread.freedom, cells) * error, 100.0)
    of_sessions = float(stats.norm.ppf(1 - ALPHA / 2)) * math.sqrt(2) * BETWEEN_SESSIONS  # all cells alike
    floor = math.exp(math.hypot(of_processes, of_sessions))
    first, second = ([turn.relative for one in turns for turn in one] for turns in (before, now))
    p = float(stats.mannwhitneyu(first, second).pvalue)
    return TimingChange(*cell, ratio=math.exp(fmean(new) - fmean(old)), floor=floor, p=min(1.0, p * cells))


def _critical(processes: int, freedom: int, cells: int) -> float:
    """How many standard errors are noise: for cells that go together as processes do, and for cells that do not."""
    if processes < 1 or freedom < 1:
        return math.inf
    together = stats.t.ppf(1 - ALPHA / 2, processes)
    apart = stats.t.ppf(1 - ALPHA / 2 / cells, freedom)
    return float(max(together, apart))


def noise(one: Measurement) -> float:
    """What two processes of a session differ by at most, 19 times of 20 (A/A); a share, such as 0.03."""
    spread = _spread(list(one.turns.values()))
    if not spread.freedom:
        return math.nan
    return math.expm1(float(stats.t.ppf(0.975, spread.freedom)) * spread.deviation * math.sqrt(2))
