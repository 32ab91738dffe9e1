"""What the numbers say, in sentences: which one remembers longer, and how sure we are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from harness.analysis import stats
from harness.analysis.summary import Curve, Pair, TaskSummary

_NAMED = 4  # architectures in one breath; the others are counted


def headline(task: TaskSummary) -> str:
    """Who solves how much of a task: 'lstm and gru solve copy up to T=50; rnn up to T=10.'"""
    ran = [curve for curve in task.curves if curve.cells]
    if not ran:
        return f"No run on {task.label} ended with a result."
    if task.solved_at >= 1:
        return _scored(task, ran)
    parts = []
    for horizon, members in groupby(ran, key=lambda curve: curve.horizon):
        curves = list(members)
        names = listed([curve.label for curve in curves])
        if horizon is None:
            parts.append(f"{names} {_verb('solves', curves)} none of its lengths")
        else:
            solves = f"{_verb('solves', curves)} {task.label} " if not parts else ""
            parts.append(f"{names} {solves}up to T={horizon}{_gaps(curves)}")
    if ran[0].horizon is None:
        shortest, longest = task.lengths[0], task.lengths[-1]
        tried = f"T={shortest}" if shortest == longest else f"T={shortest} to {longest}"
        if len(ran) == 1:
            return f"{ran[0].label} does not solve {task.label} ({tried})."
        return f"None of {listed([curve.label for curve in ran])} solves {task.label} ({tried})."
    return "; ".join(parts) + "."


def certainty(task: TaskSummary) -> str:
    """How sure the comparison is: what the pairs say, and what the number of seeds allows to say."""
    ran = [curve for curve in task.curves if curve.cells]
    if task.seeds == 1:
        return "One seed: this says nothing about differences (--seeds 5 does)."
    if len(ran) < 2 or not task.pairs:
        return f"{task.seeds} seeds."
    seeds = min(pair.paired.seeds for pair in task.pairs)
    if seeds < 2:
        return "Too few seeds in common to compare: some runs are missing."
    return "; ".join(_told(task, ran[0].label, seeds)) + "."


def listed(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c', 'a, b, c and 9 others'."""
    shown = list(names) if len(names) <= _NAMED + 1 else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def p_value(p: float | None) -> str:
    """'p = .04', 'p < .001'; 'no test' for one seed."""
    if p is None:
        return "no test"
    return "p < .001" if p < 0.001 else f"p = {p:.2g}".replace("= 0.", "= .")


def _scored(task: TaskSummary, ran: Sequence[Curve]) -> str:
    """How right each is at the longest length, for a task that nobody is expected to solve outright."""
    longest = task.lengths[-1]
    scores = {curve.label: curve.cells[longest].mean for curve in ran if longest in curve.cells}
    best = sorted(scores, key=lambda label: -scores[label])
    told = listed([f"{label} {scores[label]:.1%}" for label in best]) if best else "no run"
    return f"{task.label} at T={longest}: {told} right (chance {task.chances[longest]:.1%})."


def _verb(verb: str, curves: Sequence[Curve]) -> str:
    return verb if len(curves) == 1 else verb.removesuffix("s")


def _gaps(curves: Sequence[Curve]) -> str:
    """Lengths below the horizon that were not solved, where there are such."""
    gaps = sorted({length for curve in curves for length in curve.gaps})
    return f" (not always at {listed([str(length) for length in gaps])})" if gaps else ""


def _told(task: TaskSummary, best: str, seeds: int) -> list[str]:
    """From the best one's point of view; where no test can find anything yet, what every seed shows is told as that."""
    own = [pair for pair in task.pairs if best in (pair.first, pair.second)]
    enough = seeds >= task.seeds_needed
    apart = [pair for pair in own if (pair.told_apart if enough else pair.paired.better in (0, 1))]
    alike = [pair for pair in own if pair not in apart]
    parts = []
    if alike:
        names = listed([best, *(_other(pair, best) for pair in alike)])
        parts.append(f"{names} cannot be told apart ({_range(alike)}, {seeds} seeds)")
    for word, ahead in (("ahead of", True), ("behind", False)):
        if pairs := [pair for pair in apart if _is_ahead(pair, best) == ahead]:
            how = f"({_range(pairs)}, {seeds} seeds)" if enough else "in every seed"
            parts.append(f"{best} is {word} {listed([_other(pair, best) for pair in pairs])} {how}")
    if not enough:
        many = f"{len(task.pairs)} pair" + "s" * (len(task.pairs) > 1)
        parts.append(
            f"{seeds} seeds are too few to show a difference at the 5 % level ({many}: --seeds {task.seeds_needed})"
        )
    return parts


def _other(pair: Pair, best: str) -> str:
    return pair.second if pair.first == best else pair.first


def _is_ahead(pair: Pair, best: str) -> bool:
    return (pair.paired.difference > 0) == (pair.first == best)


def _range(pairs: Sequence[Pair]) -> str:
    """The smallest p of those that are alike, the greatest of those that are not: the one that comes nearest to 5 %."""
    ps = [pair.p for pair in pairs if pair.p is not None]
    nearest = min(ps, key=lambda p: abs(p - stats.ALPHA))
    text = p_value(nearest)
    if len(set(ps)) == 1 or text.startswith("p <"):
        return text
    return text.replace("=", "≥" if nearest > stats.ALPHA else "≤")
