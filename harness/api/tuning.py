"""`harness.tune`: searches with equal budgets from Python."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, get_args

from harness.api._request import SearchSettings, Several, Value, names_of, options_of, settings_of
from harness.errors import HarnessError, UsageError
from harness.process.cache import kept_beside
from harness.space import Space, range_text
from harness.sweeps.asked import Device, EngineName, parameter_count, sweep_of
from harness.sweeps.given import one_of, read, several, whole
from harness.sweeps.place import Place
from harness.tracking.address import resolve_uri, sqlite_path

if TYPE_CHECKING:
    from harness.analysis.search_results import SearchResults
    from harness.tuning.tune import Tuning

_Objective = Literal["accuracy", "steps_to_solve", "loss"]
_Prune = Literal["median", "halving", "none"]


def tune(
    *,
    architectures: Several[str | type],
    tasks: Several[str | type],
    lengths: Several[int] = (),
    params: int | str | None = None,
    options: Mapping[str, Value] | None = None,
    trials: int = 50,
    space: Mapping[str, Space | str] | None = None,
    objective: _Objective = "accuracy",
    prune: _Prune = "median",
    seed: int = 0,
    confirm_seeds: int = 3,
    top: int = 3,
    storage: str | None = None,
    out: str | PathLike[str] = "tuned",
    retry: int = 1,
    max_failures: int | None = None,
    engine: EngineName = "local",
    device: Device = "auto",
    jobs: int | None = None,
    slots_per_gpu: int = 1,
    timeout: float | None = None,
    ray_address: str | None = None,
    gpus_per_run: float | None = None,
    tracking_uri: str | None = None,
    quiet: bool = False,
    **training: Unpack[SearchSettings],
) -> SearchResults:
    """Searches the settings of every architecture with the same number of trials; the best are confirmed on new seeds.

    `trials` is the total: the same call continues a search. `space`: as `--space`, by name: "1e-4:1e-2:log", "0,1,3",
    or `harness.Float`, `Int` or `Choice`. `seed`: of the search and its trials. `out`: the folder for files of
    settings and figures. A setting that is given is not searched. Everything else is as for `harness tune`.
    `harness.run_sweep(tuned=True)` uses what was found, on seeds that had no part in the choice.

    Ctrl-C, or a notebook's stop button, raises KeyboardInterrupt; finished trials are kept, and the same call runs the
    rest. Raises HarnessError for a request that is wrong, before anything is trained, and where no trial was completed.
    """
    place = Place(engine, device, jobs, slots_per_gpu, timeout, ray_address, gpus_per_run)
    place.refuse()
    one_of("device", device, get_args(Device))
    one_of("objective", objective, get_args(_Objective))
    one_of("prune", prune, get_args(_Prune))
    uri = resolve_uri(tracking_uri)
    names, task_names = names_of(architectures, tasks, uri)
    place.prepare()

    from harness.tuning.storage import resolve
    from harness.tuning.study import Search
    from harness.tuning.tune import Tuning

    sweep = sweep_of(
        names,
        task_names,
        [whole("lengths", length, 1) for length in several(lengths)],
        first_seed=whole("seed", seed, 0),
        params=read("params", params, parameter_count),
        settings=settings_of("tune", training, SearchSettings),
        options=options_of(options),
    )
    tuning = Tuning(
        sweep,
        Search(whole("trials", trials, 1), objective, prune, seed, whole("retry", retry, 0)),
        {key: _as_typed(key, one) for key, one in (space or {}).items()},
        whole("confirm_seeds", confirm_seeds, 0),
        whole("top", top, 1),
        resolve(storage, uri),
        Path(out),
    )
    with place.connected(), kept_beside(sqlite_path(uri)):
        return _searched(tuning, place, uri, max_failures, quiet)


def _as_typed(name: str, space: Space | str) -> str:
    """A range as it is typed with --space."""
    if isinstance(space, str):
        return space
    if not isinstance(space, Space):
        takes = "'1e-4:1e-2:log', '0,1,3', or harness.Float(low, high), harness.Int(low, high), harness.Choice(a, b)"
        raise UsageError(f"space: {name} takes {takes}, got {space!r}.")
    return range_text(space)


def _searched(tuning: Tuning, place: Place, uri: str, max_failures: int | None, quiet: bool) -> SearchResults:
    """Executes the searches; KeyboardInterrupt where they were stopped."""
    from harness.analysis.search_results import SearchResults
    from harness.sweeps.driver import Rules
    from harness.tracking.store import Store
    from harness.tuning.progress import Lines, Quiet, failures
    from harness.tuning.tune import studies_of, tune

    store = Store(uri)
    studies = studies_of(tuning, store.driver)
    shown = Quiet() if quiet else Lines(studies)
    tuned = tune(tuning, studies, place.make_engine(), store, shown, Rules(max_failures=max_failures))
    if tuned.interrupted:
        ended = sum(len(study.ended()) for study in studies)
        raise KeyboardInterrupt(f"{ended} trials are kept, and the same call runs the rest.")
    if not tuned.searches:
        raise HarnessError(next(failures(studies, tuned.searches), "No trial was completed."))
    return SearchResults([], searches=list(tuned.searches.values()), store=uri, files=tuple(tuned.files))
