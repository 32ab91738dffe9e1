"""Expectations in words: the sentence where the file has none, and what is claimed in numbers."""

from __future__ import annotations

from collections.abc import Iterable

from harness.studies.metrics import METRICS
from harness.studies.question import Difference, Equal, Expectation, Value, Where


def sentence(expected: Expectation, task: str) -> str:
    """'On copy at T=20, the score of lstm is higher than that of rnn, by at least 0.1.' `task`: its label."""
    if expected.says:
        return expected.says
    noun = METRICS[expected.metric].noun
    place = f"On {task}{_at(expected)}, the {noun} of"
    if isinstance(expected, Value):
        seeds = "" if expected.share is None else f" in at least {expected.share:.0%} of seeds"
        return f"{place} {expected.of} is {_bounds(expected)}{seeds}."
    if isinstance(expected, Equal):
        return f"{place} {expected.first} and that of {expected.second} differ by less than {_margin(expected)}."
    one, other = names(expected)[::-1] if expected.less else names(expected)
    way = "lower" if expected.less else "higher"
    return f"{place} {one} is {way} than that of {other}{_at_least(expected)}."


def claimed(expected: Expectation) -> str:
    """What is claimed, as a column of a table has it: 'lstm - rnn > 0.1'."""
    if isinstance(expected, Value):
        share = "" if expected.share is None else f", {expected.share:.0%} of seeds"
        return _bounds(expected) + share
    if isinstance(expected, Equal):
        return f"{expected.first} = {expected.second} within {_margin(expected)}"
    high, low = names(expected)
    if expected.factor:
        more, less = f"{high} > {expected.factor:g} x {low}", f"{low} < {high} / {expected.factor:g}"
    else:
        by = _number(expected.by)
        more = f"{high} > {low} + {by}" if expected.by else f"{high} > {low}"
        less = f"{low} < {high} - {by}" if expected.by else f"{low} < {high}"
    return less if expected.less else more


def names(expected: Difference | Equal) -> tuple[str, str]:
    """The first and the second; what stands after `than` with its place, where that is another."""
    if isinstance(expected, Equal) or expected.than is None:
        return expected.first, expected.second
    place = _elsewhere(expected)
    return expected.first + place * expected.less, expected.second + place * (not expected.less)


def listed(values: Iterable[object]) -> str:
    """'10', '10 and 20', '10, 20 and 40'."""
    *rest, last = map(str, values)
    return f"{', '.join(rest)} and {last}" if rest else last


def _elsewhere(expected: Difference) -> str:
    """Where the other side is taken from, as far as it differs: ' on copy feedback=own at T=20'."""
    if expected.than is None:
        return ""
    task = f" on {expected.than.task}" if expected.than.task != expected.task else ""
    lengths = _at(expected.than) if expected.than.lengths != expected.lengths else ""
    sweep = f" in sweep {expected.than.sweep}" if expected.than.sweep != expected.sweep else ""
    return f"{task}{lengths}{sweep}"


def _at(expected: Where) -> str:
    trained = "" if expected.trained_at is None else f" trained at T={expected.trained_at}"
    if expected.lengths == "all":
        return trained
    if expected.lengths == "longest":
        return f"{trained} at the longest length"
    return f"{trained} at T={listed(expected.lengths)}"


def _at_least(expected: Difference) -> str:
    if expected.factor:
        return f", by a factor of at least {expected.factor:g}"
    return f", by at least {_number(expected.by)}" if expected.by else ""


def _bounds(expected: Value) -> str:
    if expected.printed is not None:
        within = expected.within.replace("factor", "a factor of")
        return f"{_number(expected.printed)}, within {within}"
    low, high = (None if bound is None else _number(bound) for bound in (expected.low, expected.high))
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"at least {low}" if high is None else f"at most {high}"


def _margin(expected: Equal) -> str:
    return f"a factor of {expected.margin:g}" if expected.is_factor else _number(expected.margin)


def _number(value: float) -> str:
    """A number of the file as it stands there, without needless digits."""
    return f"{value:g}"
