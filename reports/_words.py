"""How numbers are written, the same in every kind of report: '[91.0, 97.3]' is an interval, '91.0 to 97.3' a range."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.analysis import stats
from harness.analysis.stats import Interval, Steps
from harness.analysis.summary import ArchitectureSummary, LengthSummary, TaskSummary, TrainingSummary

UNKNOWN = "-"
ONE_SEED = "one seed"


def percent(share: float | None, digits: int = 1) -> str:
    return UNKNOWN if share is None else f"{share:.{digits}%}"


def count(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,.0f}"


def score(value: float | None) -> str:
    return UNKNOWN if value is None else f"{round(value, 2) + 0.0:.2f}"  # never -0.00


def spread(interval: Interval | None, value_range: Interval | None, written: Callable[[float], str]) -> str:
    """The interval, else the range over seeds, else that there is one seed."""
    if interval:
        return f"[{written(interval.low)}, {written(interval.high)}]"
    if value_range:
        return f"{written(value_range.low)} to {written(value_range.high)}"
    return ONE_SEED


def percents(interval: Interval | None, value_range: Interval | None = None) -> str:
    """In percent, without the sign."""
    return spread(interval, value_range, lambda value: f"{100 * value:.1f}")


def scores(interval: Interval | None, value_range: Interval | None) -> str:
    return spread(interval, value_range, score)


def solving(one: LengthSummary) -> str:
    return f"{one.solving} of {one.seeds}"


def accuracy(one: LengthSummary) -> tuple[str, str]:
    """What leads and what stands beside it: mean and spread, or how many seeds solve the length where they differ."""
    spread_of = percents(one.interval, one.range) if one.range else ""
    failed = f"{one.failed} failed" if one.failed else ""
    if one.mixed:
        return f"{solving(one)} solve", ", ".join(filter(None, [f"mean {percent(one.mean)}", failed]))
    return percent(one.mean), ", ".join(filter(None, [spread_of, failed]))


def accuracy_note(task: TaskSummary) -> str:
    """What a reader must know of the accuracies of a task."""
    chance = f" Chance: {task.chance_is}." if task.chance_is else ""
    return f"{spread_note(task)}; solved at {task.solved_at:.0%}; failed runs count as chance.{chance}"


def spread_note(task: TaskSummary) -> str:
    """What stands beside a mean of this task."""
    if task.seeds == 1:
        return "One seed, so no intervals"
    if task.seeds < stats.FEW:
        return f"Means over seeds with their range (lowest to highest; intervals from {stats.FEW} seeds on)"
    return (
        "Means over seeds with 95% interval (Student's t); where some seeds solve a length and others do not, how many"
    )


def horizon(architecture: ArchitectureSummary) -> str:
    """'50', 'none' where no length is solved; 'refused', 'failed' or 'no result' where nothing can be said."""
    if architecture.refused:
        return "refused"
    if architecture.failed:
        return "failed"
    return f"{architecture.horizon or 'none'}" if architecture.ran else "no result"


def horizon_of_seeds(architecture: ArchitectureSummary) -> str:
    """'of the seeds: none, 10, 50'; '' where no seed has every length."""
    reached = sorted(architecture.horizons.values())
    return f"of the seeds: {', '.join(str(length or 'none') for length in reached)}" if reached else ""


def hidden_sizes(architecture: ArchitectureSummary) -> str:
    """'96'; '61 to 64' where it was solved for each length."""
    sizes = architecture.hidden_sizes
    if not sizes:
        return UNKNOWN
    return f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def steps(training: TrainingSummary) -> str:
    """The median, or that it is beyond the budget; how many seeds reached the threshold stands beside it."""
    if training.steps.median is None:
        return f"not within {training.budget:,}"
    return f"{training.steps.median:,.0f}"


def steps_spread(training: TrainingSummary) -> str:
    found: Steps = training.steps
    return spread(
        found.interval,
        found.range,
        lambda bound: f"> {training.budget:,}" if math.isinf(bound) else f"{bound:,.0f}",
    )


def seconds(value: float | None) -> str:
    """'45 s', '3 min 05 s', '2 h 10 min'."""
    if value is None:
        return UNKNOWN
    minutes, rest = divmod(round(value), 60)
    if minutes < 1:
        return f"{value:.1f} s" if value < 10 else f"{rest} s"
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
