"""What was found inside models, in sentences that claim no more than the seeds and the curves allow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from harness.analysis.stats import ALPHA, Paired, holm, paired, seeds_needed
from harness.analysis.verdict import listed

if TYPE_CHECKING:
    from harness.analysis.inspections import ArchitectureInspection

FLOOR = 1e-12
"""Of the gradient at the last input: shares below it are shown as this one, and called less than it."""


def describe(one: ArchitectureInspection) -> list[str]:
    """What one architecture does, in sentences."""
    sentences = [_gradient_sentence(one, one.gain_at_start, one.left_at_start, "At the start")]
    sentences.append(_gradient_sentence(one, one.gain, one.left, "After training"))
    if one.exponent is not None and one.exponent_at_start is not None:
        sentences.append(
            f"The largest Lyapunov exponent of the state of {one.label} is {one.exponent_at_start:+.3f} at the start "
            f"and {one.exponent:+.3f} after training (below 0: a small change of the state vanishes; above 0: it "
            "grows)."
        )
    if one.decoded and one.decoding_chance:
        known, chance = one.decoded.middle[-1], one.decoding_chance.middle[-1]
        sentences.append(
            f"At step {one.decoded.x[-1]} what is to be remembered can be decoded from {one.label} in {known:.0%} of "
            f"sequences ({chance:.0%} by always naming the most frequent){_answered(one)}."
        )
    return sentences


def _answered(one: ArchitectureInspection) -> str:
    if one.accuracy is None:
        return ""
    chance = "" if one.chance is None else f" (chance {one.chance:.0%})"
    return f"; its own answers are right in {one.accuracy:.0%}{chance}"


def _gradient_sentence(
    one: ArchitectureInspection, gain: float | None, shares: Sequence[float | None], when: str
) -> str:
    """What is left at the earliest input; a factor per step only where one describes the curve of every seed."""
    if all(share is None for share in shares):
        return (
            f"{when} the gradient of {one.label} is 0 at the last input, so there is nothing to take shares of (a "
            "model that makes no error has no gradient)."
        )
    left = [share or 0.0 for share in shares]
    if not any(left) and gain is None:
        return f"{when} no gradient of {one.label} reaches the input {one.farthest} steps back."
    change = ""
    if gain is not None:
        change = f"; it {'shrinks' if gain < 1 else 'grows'} by a factor of {gain:.3g} per step"
        change += " in the median" if len(left) > 1 else ""
    amount, spread = _shares(left)
    return f"{when} {amount} of the gradient of {one.label} is left {one.farthest} steps back{spread}{change}."


def _shares(left: Sequence[float]) -> tuple[str, str]:
    """The median over seeds, then the lowest and the highest; of two seeds both, as nothing was found between them."""
    lowest, highest = format_share(min(left)), format_share(max(left))
    if lowest == highest:
        return lowest, f" in all {len(left)} seeds" if len(left) > 1 else ""
    if len(left) == 2:
        return f"{lowest} to {highest}", " in 2 seeds"
    return format_share(median(left)), f" ({lowest} to {highest} in {len(left)} seeds)"


def format_share(share: float) -> str:
    """A share of a gradient, never smaller than the floor."""
    if share < FLOOR:
        return f"less than {FLOOR:.0e}"
    if share < 0.0001:
        return f"{share:.0e}"
    return f"{share:.1%}" if share >= 0.001 else f"{share:.2%}"


def compare(
    start: Mapping[str, Mapping[int, int]], trained: Mapping[str, Mapping[int, int]], unlearned: Sequence[str]
) -> list[str]:
    """How far gradients reach, pair by pair; reaches in steps by label and seed, before and after training.

    `unlearned`: architectures that answer at chance. Their gradients after training are no sign of what was learned.
    """
    return [*_compare("At the start", start, []), *_compare("After training", trained, unlearned)]


def _compare(when: str, reaches: Mapping[str, Mapping[int, int]], unlearned: Sequence[str]) -> Iterator[str]:
    """With Holm's correction over the pairs."""
    pairs = list(combinations(reaches, 2))
    scaled = {label: {seed: math.log(1 + reach) for seed, reach in found.items()} for label, found in reaches.items()}
    compared = {pair: paired(scaled[pair[0]], scaled[pair[1]]) for pair in pairs}
    tested = {pair: one for pair, one in compared.items() if one is not None and one.p is not None}
    corrected = dict(zip(tested, holm([one.p or 1.0 for one in tested.values()]), strict=True))
    for (first, second), one in tested.items():
        p = corrected[first, second]
        if p < ALPHA:
            ahead, behind = (first, second) if one.difference > 0 else (second, first)
            yield (
                f"{when} the gradient of {ahead} reaches {math.exp(abs(one.difference)):.1f} times as far as that of "
                f"{behind} (p = {p:.2g}, {one.seeds} seeds){_at_chance(unlearned, (ahead, behind))}."
            )
    alike = [pair for pair in tested if corrected[pair] >= ALPHA]
    if alike:
        yield _not_shown(when, alike, pairs, tested, unlearned)


def _not_shown(
    when: str,
    alike: Sequence[tuple[str, str]],
    pairs: Sequence[tuple[str, str]],
    tested: Mapping[tuple[str, str], Paired],
    unlearned: Sequence[str],
) -> str:
    seeds, needed = min(one.seeds for one in tested.values()), seeds_needed(len(pairs))
    more = f"; a test can show a difference from {needed} seeds on" if seeds < needed else ""
    labels = list(dict.fromkeys(label for pair in alike for label in pair))
    named = ", ".join(f"{first} or {second}" for first, second in alike)
    if len(alike) == len(pairs) > 1:
        named = f"{', '.join(labels[:-1])} or {labels[-1]}"
    return (
        f"{when} these seeds do not show which gradient reaches farther, that of {named} ({seeds} seeds{more})"
        f"{_at_chance(unlearned, labels)}."
    )


def _at_chance(unlearned: Sequence[str], compared: Sequence[str]) -> str:
    named = [label for label in compared if label in unlearned]
    return f"; {listed(named)} {'is' if len(named) == 1 else 'are'} at chance" if named else ""
