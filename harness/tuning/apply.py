"""`harness run --tuned`: a sweep at the settings that searches found, where their budgets were equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.discovery.variants import compose_all, load_tasks, task_variants
from harness.errors import UsageError
from harness.names import display_name
from harness.search_record import SearchRecord, unequal_searches
from harness.spec import SweepSpec, TunedSetting
from harness.tracking.searches import StoredSearch, load_searches
from harness.tracking.store import Store


def apply_tuned(sweep: SweepSpec, store: Store, any_budget: bool) -> tuple[SweepSpec, dict[str, SearchRecord]]:
    """The sweep at the settings that searches found, on seeds they have not seen; UsageError where it is not fair.

    Lengths that are not given are those of the searches. `any_budget`: budgets and spaces may differ.
    """
    newest = {
        (composition.name, task.label): _newest(store, composition.name, part.typed, task.label, sweep)
        for composition in compose_all(sweep.architectures)
        for part in load_tasks(sweep.tasks)
        for task in task_variants(part, sweep.options)
    }
    searches = [stored.search for stored in newest.values()]
    params = _size(searches)
    if not any_budget:
        _refuse_unequal(searches)
    _refuse_set_twice(sweep, searches)
    fresh = max(one.fresh_seed for one in searches)
    if 0 < sweep.first_seed < fresh:
        raise UsageError(
            f"Seeds up to {fresh - 1} were used to choose the settings: --first-seed {fresh}, or leave it out."
        )
    tuned = tuple(
        TunedSetting(name, task_label, search.settings, search.budget_in_words, run_id)
        for (name, task_label), (run_id, search) in newest.items()
    )
    seed = max(fresh, sweep.first_seed)
    tuned_sweep = replace(sweep, tuned=tuned, params=params, first_seed=seed, lengths=_lengths(sweep, searches))
    return tuned_sweep, {f"{name} on {task}": stored.search for (name, task), stored in newest.items()}


def _newest(store: Store, name: str, task: str, task_label: str, sweep: SweepSpec) -> StoredSearch:
    """The newest search of an architecture on a task, at the size that is asked, at the lengths if there is one."""
    stored = load_searches(store, task_label)
    mine = [one for one in stored if display_name(one.search.architecture) == display_name(name)]
    sized = [one for one in mine if sweep.params in (None, one.search.params)]
    if sized:
        return next((one for one in sized if tuple(one.search.lengths) == sweep.lengths), sized[0])
    size = f" --params {sweep.params}" if sweep.params else ""
    also = f" (but at {', '.join(sorted({_describe_size(one.search.params) for one in mine}))})" if mine else ""
    raise UsageError(
        f"{store.uri} holds no tuned setting of {display_name(name)} on {task_label}{size}{also}:\n"
        f"harness tune --arch {name} --task {task}{size}"
    )


def _size(searches: Iterable[SearchRecord]) -> int | None:
    """The number of parameters that all were tuned at: a sweep has one."""
    sizes = {one.params: one for one in searches}
    if len(sizes) > 1:
        first, second, *_ = sizes.values()
        raise UsageError(
            f"{first.label} was tuned at {_describe_size(first.params)}, "
            f"{second.label} at {_describe_size(second.params)}.\n"
            "Tune both at one size; --params N takes the searches at N parameters."
        )
    return next(iter(sizes))


def _describe_size(params: int | None) -> str:
    return f"{params:,} parameters" if params else "a size of its own"


def _refuse_unequal(searches: list[SearchRecord]) -> None:
    """Settings that took more trials to find, or a wider space, are no comparison of architectures."""
    for one, other, differences in unequal_searches(searches):
        what = "; ".join(differences[:3]) + (f" and {len(differences) - 3} more" if len(differences) > 3 else "")
        raise UsageError(
            f"{one.label} and {other.label} were not tuned with equal budgets: {what}.\n"
            "Tune both with one budget, or compare them nevertheless with --tuned any."
        )


def _refuse_set_twice(sweep: SweepSpec, searches: Iterable[SearchRecord]) -> None:
    for one in searches:
        typed = [*sweep.settings, *sweep.options]
        settings = {name.rpartition(".")[2] for name in typed}  # 'lstm.lr' sets lr, too
        twice = [key for key in one.values if key in {*typed, *settings} or key.rpartition(".")[2] in typed]
        if twice:
            raise UsageError(f"{twice[0]} of {one.label} was tuned: leave out its own value, or --tuned.")


def _lengths(sweep: SweepSpec, searches: Iterable[SearchRecord]) -> tuple[int, ...]:
    """As typed; else those of the searches, where they are the same for all."""
    tuned = {tuple(one.lengths) for one in searches}
    return sweep.lengths or (tuned.pop() if len(tuned) == 1 else ())
