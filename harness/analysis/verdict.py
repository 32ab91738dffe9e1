"""What the numbers say, in sentences: which architecture remembers longer, and how sure that is.

A sentence orders architectures only where a test tells them apart (`TaskSummary.tiers`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from harness.analysis import stats
from harness.analysis.summary import ArchitectureSummary, Pair, TaskSummary
from harness.analysis.wording import counted, runs_are
from harness.report import Results

_NAMED = 4  # architectures that a sentence names; further ones are counted


def sentences(task: TaskSummary) -> list[str]:
    """All that a report says of a task, the headline first."""
    sure = "" if _headline_counts_seeds(task) else certainty(task)
    said = [headline(task), mixture(task), sure, sizes(task), frames(task)]
    return [sentence for sentence in said if sentence]


def outdated(results: Results) -> str:
    """How many results are of older plugin code: '3 of 8 runs were computed with older code of gate.' '' for none."""
    if not results.outdated:
        return ""
    names = sorted({name for changed in results.outdated.values() for name in changed})
    count, total = len(results.outdated), len(results.records)
    return f"{runs_are(count, total, past=True)} computed with older code of {listed(names)}."


def kernels(results: Results) -> str:
    """What computed which architecture, where runs differ: 'Times compare kernels: lstm: installed loop; gate: torch.'

    '' where one kernel computed all.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for record in results.records:
        kind, _, _ = record.environment.get("kernel", "").partition(" (")
        if kind:
            found[record.spec.label][kind] += 1
    if len({kind for kinds in found.values() for kind in kinds}) < 2:
        return ""
    said = [f"{label}: {_counted(kinds)}" for label, kinds in found.items()]
    return f"Times compare kernels, which differ here: {'; '.join(said)}."


def _counted(kinds: Counter[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return listed([f"{kind} ({counted(count, 'run')})" for kind, count in kinds.items()])


def headline(task: TaskSummary) -> str:
    """Who solves how much of a task: 'lstm and gru solve copy up to T=50, not told apart; rnn up to T=10.'

    Where results differ that no test tells apart, each is said, in the order asked for:
    'rnn solves copy up to T=10, lstm up to T=50: 2 seeds cannot tell them apart (6 could).'
    """
    parts = _scored(task) if task.solved_at >= 1 else _solved(task)
    failed = [one for one in task.architectures if one.failed]
    refused = [one for one in task.architectures if one.refused]
    if task.trained_on and task.ran:
        parts[0] = f"Trained on {task.trained_on}: {parts[0]}"
    if failed:
        statuses = ", ".join(dict.fromkeys(one.failed for one in failed))
        parts.append(f"{_names(failed)} failed in every run ({statuses})")
    if refused:
        parts.append(f"{_names(refused)} {_be(refused)} refused")
    if not task.ran:
        parts.insert(0, f"No run on {task.label} ended with a result")
    return "; ".join(parts) + "."


def mixture(task: TaskSummary) -> str:
    """Where some seeds solve a length and others do not: 'Seeds that solve it: lstm 3 of 5 at T=50.' '' elsewhere."""
    found = [
        f"{architecture.label} {one.solving} of {one.seeds} at T={one.length}"
        for architecture in task.ran
        for one in architecture.mixed
    ]
    return f"Some seeds solve a length and others do not: {listed(found)}." if found else ""


def certainty(task: TaskSummary) -> str:
    """How sure the comparison is: what the tests say, and what the number of seeds allows them to say."""
    seeds = _seeds(task)
    if len(task.ran) < 2:
        return f"{seeds[0].upper()}{seeds[1:]}." if task.ran else ""
    if task.seeds < task.seeds_needed:
        many = f"{len(task.ran)} architectures: --seeds {task.seeds_needed}"
        verb = "is" if task.seeds == 1 else "are"
        return f"{seeds} {verb} too few to show a difference at the 5% level ({many})."
    if task.shared_seeds < task.seeds_needed:
        return "Too few seeds in common to compare: some runs are missing."
    return "; ".join(_told_apart(task)) + "."


def sizes(task: TaskSummary) -> str:
    """That the number of parameters differs more than twofold; '' where it does not."""
    if task.sizes_differ is None:
        return ""
    small, large = task.sizes_differ
    return (
        f"Sizes differ more than twofold: {small.label} has {small.parameters:,} parameters, {large.label} "
        f"{large.parameters:,}; --params compares them at one size."
    )


def frames(task: TaskSummary) -> str:
    """Which inputs are fed how, where architectures differ in it; '' where they do not."""
    fed: dict[str, list[str]] = {}
    for architecture in task.ran:
        fed.setdefault(architecture.embedding, []).append(architecture.label)
    if len(fed) < 2:
        return ""
    each = [f"{embedding} for {listed(labels)}" for embedding, labels in fed.items()]
    return f"Frames differ, and with them the scale of the inputs: {'; '.join(each)}."


def listed(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c', 'a, b, c and 9 others'."""
    shown = list(names) if len(names) <= _NAMED + 1 else [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def format_p(p: float | None) -> str:
    """'p = .04', 'p < .001'; 'no test' for one seed."""
    if p is None:
        return "no test"
    return "p < .001" if p < 0.001 else f"p = {p:.2g}".replace("= 0.", "= .")


def _solved(task: TaskSummary) -> list[str]:
    """Tier by tier, how far each remembers."""
    parts: list[str] = []
    for tier in _tiers(task):
        alike = _alike_in_result(tier)
        said = [_reached(task, alike[0], "first of a tier" if parts else "first of all")]
        said += [_reached(task, members, "") for members in alike[1:]]
        parts.append(", ".join(said) + _not_told_apart(task, tier))
    return parts


def _alike_in_result(tier: Sequence[ArchitectureSummary]) -> list[list[ArchitectureSummary]]:
    """Those of a tier that reach the same length together; in the order they were asked for, not by result."""
    found: dict[int | None, list[ArchitectureSummary]] = defaultdict(list)
    for one in tier:
        found[one.horizon].append(one)
    return list(found.values())


def _reached(task: TaskSummary, members: Sequence[ArchitectureSummary], place: str) -> str:
    """'lstm solves copy up to T=50' for the first of all, 'lstm up to T=50' or 'lstm no length' for later ones."""
    horizon = members[0].horizon
    if horizon:
        verb = f"{_solve(members)} {task.label} " if place == "first of all" else ""
        return f"{_names(members)} {verb}up to T={horizon}{_gaps(members)}"
    nothing = {
        "first of all": f"{_solve(members)} no length of {task.label} ({_tried(task)})",
        "first of a tier": f"{_solve(members)} none of its lengths",
    }
    return f"{_names(members)} {nothing.get(place, 'no length')}"


def _not_told_apart(task: TaskSummary, tier: Sequence[ArchitectureSummary]) -> str:
    """That no test orders the members of a tier; and, where their results differ, that the seeds allow none."""
    if len(tier) == 1:
        return ""
    if _headline_counts_seeds(task):
        return f": {_seeds(task)} cannot tell them apart ({task.seeds_needed} could)"
    return ", not told apart" if len(_alike_in_result(tier)) == 1 else " (not told apart)"


def _headline_counts_seeds(task: TaskSummary) -> bool:
    """Whether results differ that the seeds are too few to compare; there is one tier then."""
    differ = len({one.horizon for one in task.ran}) > 1
    return differ and task.solved_at < 1 and task.seeds < task.seeds_needed


def _seeds(task: TaskSummary) -> str:
    return f"{task.seeds} seed{'s' if task.seeds != 1 else ''}"


def _scored(task: TaskSummary) -> list[str]:
    """How right each is at the longest length, for a task that nobody is expected to solve outright."""
    longest = task.lengths[-1]
    tiers = []
    for tier in _tiers(task):
        told = [f"{one.label} {one.lengths[longest].mean:.1%}" for one in tier if longest in one.lengths]
        if told:
            tiers.append(listed(told) + (", not told apart" if len(told) > 1 else ""))
    if not tiers:
        return []
    return [f"{task.label} at T={longest}, right answers: {'; '.join(tiers)} (chance {task.chances[longest]:.1%})"]


def _tiers(task: TaskSummary) -> list[list[ArchitectureSummary]]:
    by_label = {one.label: one for one in task.ran}
    return [[by_label[name] for name in tier] for tier in task.tiers]


def _names(architectures: Sequence[ArchitectureSummary]) -> str:
    return listed([one.label for one in architectures])


def _solve(architectures: Sequence[ArchitectureSummary]) -> str:
    return "solves" if len(architectures) == 1 else "solve"


def _be(architectures: Sequence[ArchitectureSummary]) -> str:
    return "is" if len(architectures) == 1 else "are"


def _tried(task: TaskSummary) -> str:
    shortest, longest = task.lengths[0], task.lengths[-1]
    return f"T={shortest}" if shortest == longest else f"T={shortest} to {longest}"


def _gaps(architectures: Sequence[ArchitectureSummary]) -> str:
    """Lengths below the horizon that are not solved, where there are such."""
    gaps = sorted({length for one in architectures for length in one.gaps})
    return f" (not always at {listed([str(length) for length in gaps])})" if gaps else ""


def _told_apart(task: TaskSummary) -> list[str]:
    """Who is ahead of whom, those with the same losers together; then what cannot be told apart."""
    apart = [pair for pair in task.pairs if pair.told_apart]
    alike = [pair for pair in task.pairs if not pair.told_apart]
    seeds = f"{task.shared_seeds} seeds"
    if len(task.ran) > _NAMED + 1:
        return [f"{len(apart)} of {len(task.pairs)} pairs can be told apart ({seeds}, Holm's correction)"]
    losers: dict[str, list[str]] = defaultdict(list)
    for pair in apart:
        ahead, loser = pair.winner_first
        losers[ahead].append(loser)
    winners: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for ahead, beaten in losers.items():
        winners[tuple(beaten)].append(ahead)
    parts = []
    for behind, names in winners.items():
        mine = [pair for pair in apart if pair.winner_first[0] in names]
        verb = "is" if len(names) == 1 else "are"
        parts.append(f"{listed(names)} {verb} ahead of {listed(behind)} ({_p_of(mine)}, {seeds})")
    if alike:
        parts.append(f"{_alike(task, alike)} cannot be told apart ({_p_of(alike)}, {seeds})")
    return parts


def _alike(task: TaskSummary, alike: Sequence[Pair]) -> str:
    """The names where every pair of them is among these, else the pairs."""
    names = [one.label for one in task.ran if any(one.label in (pair.first, pair.second) for pair in alike)]
    if len(alike) == len(names) * (len(names) - 1) // 2:
        return listed(names)
    return listed([f"{pair.first} from {pair.second}" for pair in alike])


def _p_of(pairs: Sequence[Pair]) -> str:
    """The p nearest to the level: the smallest of pairs that are not told apart, the greatest of those that are."""
    ps = [pair.p for pair in pairs if pair.p is not None]
    nearest = min(ps, key=lambda p: abs(p - stats.ALPHA))
    text = format_p(nearest)
    if len(set(ps)) == 1 or text.startswith("p <"):
        return text
    return text.replace("=", "≥" if nearest > stats.ALPHA else "≤")
