"""`harness run --tuned`: a sweep at the settings that searches found, where the searches were alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.discovery.variants import compose_all, load_tasks, task_variants
from harness.errors import UsageError
from harness.names import display_name
from harness.search_record import Found, unlike
from harness.spec import SweepSpec
from harness.tracking.searches import kept
from harness.tracking.store import Store


def with_tuned(sweep: SweepSpec, store: Store, any_budget: bool) -> tuple[SweepSpec, dict[str, Found]]:
    """The sweep at the settings that searches found, on seeds they have not seen; UsageError where it is not fair.

    Lengths that are not given are those of the searches. `any_budget`: budgets and spaces may differ.
    """
    newest = {
        f"{name} on {task.label}": _newest(store, name, task.label, sweep)
        for name in (composition.name for composition in compose_all(sweep.architectures))
        for part in load_tasks(sweep.tasks)
        for task in task_variants(part, sweep.options)
    }
    searches = {key: one for key, (_, one) in newest.items()}
    params = _size(searches.values())
    if not any_budget:
        _refuse_unlike(list(searches.values()))
    _refuse_set_twice(sweep, searches.values())
    fresh = max(one.fresh_seed for one in searches.values())
    if 0 < sweep.first_seed < fresh:
        raise UsageError(
            f"Seeds up to {fresh - 1} were used to choose the settings: --first-seed {fresh}, or leave it out."
        )
    tuned = {key: {**one.settings, "tuned": one.told_budget, "search": run} for key, (run, one) in newest.items()}
    seed = max(fresh, sweep.first_seed)
    return replace(sweep, tuned=tuned, params=params, first_seed=seed, lengths=_lengths(sweep, searches)), searches


def _newest(store: Store, name: str, task_label: str, sweep: SweepSpec) -> tuple[str, Found]:
    """The newest search of an architecture on a task, at the size that is asked, at the lengths if there is one."""
    mine = [(run, one) for run, one in kept(store, task_label) if display_name(one.architecture) == display_name(name)]
    sized = [(run, one) for run, one in mine if sweep.params in (None, one.params)]
    if sized:
        return next((pair for pair in sized if tuple(pair[1].lengths) == sweep.lengths), sized[0])
    size = f" --params {sweep.params}" if sweep.params else ""
    also = f" (but at {', '.join(sorted({_told_size(one.params) for _, one in mine}))})" if mine else ""
    raise UsageError(
        f"{store.uri} holds no tuned setting of {display_name(name)} on {task_label}{size}{also}:\n"
        f"harness tune --arch {name} --task {task_label.split()[0]}{size}"
    )


def _size(searches: Iterable[Found]) -> int | None:
    """The number of parameters that all were tuned at: a sweep has one."""
    sizes = {one.params: one for one in searches}
    if len(sizes) > 1:
        first, second, *_ = sizes.values()
        raise UsageError(
            f"{first.label} was tuned at {_told_size(first.params)}, {second.label} at {_told_size(second.params)}.\n"
            "Tune both at one size; --params N takes the searches at N parameters."
        )
    return next(iter(sizes))


def _told_size(params: int | None) -> str:
    return f"{params:,} parameters" if params else "a size of its own"


def _refuse_unlike(searches: list[Found]) -> None:
    """Settings that took more trials to find, or a wider space, are no comparison of architectures."""
    for one, other, differences in unlike(searches):
        what = "; ".join(differences[:3]) + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")
        raise UsageError(
            f"{one.label} and {other.label} were not tuned alike: {what}.\n"
            "Tune both alike, or compare them nevertheless with --tuned any."
        )


def _refuse_set_twice(sweep: SweepSpec, searches: Iterable[Found]) -> None:
    for one in searches:
        typed = [*sweep.settings, *sweep.options]
        twice = [key for key in one.values if key in typed or key.rpartition(".")[2] in typed]
        if twice:
            raise UsageError(f"{twice[0]} of {one.label} was tuned: leave out its own value, or --tuned.")


def _lengths(sweep: SweepSpec, searches: Mapping[str, Found]) -> tuple[int, ...]:
    """As typed; else those of the searches, where they are the same for all."""
    tuned = {tuple(one.lengths) for one in searches.values()}
    return sweep.lengths or (tuned.pop() if len(tuned) == 1 else ())
