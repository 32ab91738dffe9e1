"""What is kept of a look into one run: gradients by lag, states, what can be decoded, gates, units."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import fmean, linear_regression
from typing import Any

REACH_AT = 0.01
"""A gradient reaches as far back as its norm is anywhere at least this share of its norm at lag 0."""

STRAIGHT_FROM = 0.95
"""A factor per step describes a gradient where a straight line explains this share of the variance of logarithms."""

_FLAT = 0.1  # or where no logarithm is farther from the line: a gradient that is kept varies too little to explain


@dataclass(frozen=True)
class GradientByLag:
    """Norms by lag; a negative lag is an input after the scored step, which a bidirectional model sees too."""

    lags: list[int]
    norms: list[float]  # mean over sequences of |d loss / d input|, for one vector of inputs

    @property
    def gain(self) -> float | None:
        """The factor per step, from a straight line through the logarithms; None for fewer than 2 positive norms."""
        points = self._logarithms()
        return math.exp(linear_regression(*zip(*points, strict=True)).slope) if len(points) > 1 else None

    @property
    def straight(self) -> bool:
        """Whether the gain describes the curve: at least 3 positive norms, near the line through their logarithms."""
        points = self._logarithms()
        if len(points) < 3:
            return False
        slope, intercept = linear_regression(*zip(*points, strict=True))
        middle = fmean(logarithm for _, logarithm in points)
        residuals = [logarithm - intercept - slope * lag for lag, logarithm in points]
        total = sum((logarithm - middle) ** 2 for _, logarithm in points)
        unexplained = sum(residual**2 for residual in residuals)
        return unexplained <= (1 - STRAIGHT_FROM) * total or max(map(abs, residuals)) <= _FLAT

    def _logarithms(self) -> list[tuple[int, float]]:
        return [(lag, math.log(norm)) for lag, norm in zip(self.lags, self.norms, strict=True) if norm > 0 <= lag]

    @property
    def reach(self) -> int:
        """The most steps back at which the norm is at least `REACH_AT` of that at lag 0."""
        by_lag = dict(zip(self.lags, self.norms, strict=True))
        least = REACH_AT * by_lag.get(0, 0.0)
        return max((lag for lag, norm in by_lag.items() if norm >= least > 0), default=0)

    def left(self, lag: int) -> float | None:
        """The norm at a lag as a share of that at lag 0; None where there is none."""
        by_lag = dict(zip(self.lags, self.norms, strict=True))
        return by_lag[lag] / by_lag[0] if by_lag.get(0) and lag in by_lag else None


EDGE = 0.01
"""Exponents nearer to 0 than this are called the edge between vanishing and growing."""


@dataclass(frozen=True)
class StateByLag:
    """The derivative of the last state with respect to earlier ones, mean over sequences."""

    lags: list[int]
    norms: list[float]  # Frobenius norm, divided by the root of the number of units: 1 for an identity
    singular: list[list[float]]  # the largest singular values at each lag
    exponents: list[float]  # the leading Lyapunov exponents, natural logarithm per step

    @property
    def regime(self) -> str:
        """What a small change of the state does: 'vanishing', 'growing' or 'at the edge', by the largest exponent."""
        largest = self.exponents[0]
        if abs(largest) < EDGE:
            return "at the edge"
        return "vanishing" if largest < 0 else "growing"


@dataclass(frozen=True)
class DecodedByStep:
    """The accuracy of a probe on sequences it was not fitted to, by steps since the beginning of a sequence."""

    steps: list[int]
    accuracies: list[float]
    chances: list[float]  # the share of the most frequent class among the same sequences
    low: list[float]  # 95 % interval of each accuracy (Wilson), over sequences
    high: list[float]

    def at_end(self) -> tuple[float, float] | None:
        """Accuracy and chance at the last step that was probed; None where none could be."""
        return (self.accuracies[-1], self.chances[-1]) if self.steps else None


@dataclass(frozen=True)
class Follower:
    """The unit that follows a feature best."""

    feature: str
    unit: int
    correlation: float  # on sequences that did not choose the unit
    trace: list[float]  # of the unit, over the shown sequence
    wanted: list[float]  # of the feature, over the shown sequence


@dataclass(frozen=True)
class ShownSequence:
    """One sequence step by step; `wanted` and `given` are '' where no answer is asked for."""

    inputs: list[str]
    wanted: list[str]  # the right answers; [] for a sequence that a person typed
    given: list[str]  # the model's


@dataclass(frozen=True)
class Inspection:
    """What was found inside one run."""

    identity: str
    label: str
    task_label: str
    length: int
    seed: int
    accuracy: float | None  # on test data, at `length`
    chance: float | None
    start: GradientByLag
    trained: GradientByLag
    state: StateByLag | None  # after training; None for a model without a state
    state_at_start: StateByLag | None
    decoded: DecodedByStep | None
    shown: ShownSequence
    internals: dict[str, list[list[float]]]  # by name: units x time of the shown sequence, slowest unit first
    time_scales: list[float]  # of the forget gate's units, in steps; [] where there is no such gate
    followers: list[Follower]
    gradient_norms: list[tuple[int, float]]  # before clipping, by training step
    left_out: dict[str, str] = field(default_factory=dict)  # what could not be looked at, and why

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)
