"""`harness.run_sweep`: a sweep from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Unpack, get_args

from harness.analysis.wording import runs_are
from harness.api._execution import Executed, Request, Reuse, executed
from harness.api._request import Several, TrainingSettings, Value, call_of, names_of, options_of, settings_of
from harness.api.results import sweep_results
from harness.errors import UsageError
from harness.process.cache import kept_beside
from harness.spec import Match
from harness.sweeps.asked import Device, EngineName, parameter_count, sweep_name, sweep_of
from harness.sweeps.given import one_of, range_of, read, several, whole
from harness.sweeps.place import Place
from harness.tracking.address import resolve_uri, sqlite_path

if TYPE_CHECKING:
    from harness.analysis.sweep_results import SweepResults
    from harness.spec import SweepSpec


def run_sweep(
    *,
    architectures: Several[str | type],
    tasks: Several[str | type],
    lengths: Several[int] = (),
    length_range: tuple[int, int] | None = None,
    test_lengths: Several[int] = (),
    seeds: int = 1,
    first_seed: int = 0,
    params: int | str | None = None,
    match: Match = "params",
    hidden_size: Several[int] | None = None,
    options: Mapping[str, Value | tuple[Value, ...]] | None = None,
    tuned: bool | Literal["any"] = False,
    keep_weights: str = "auto",
    name: str = "",
    reuse: Reuse = "fresh",
    retry: int = 0,
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
    **training: Unpack[TrainingSettings],
) -> SweepResults:
    """Trains every combination of architecture, task, length and seed that is not recorded yet; all their results.

    `architectures`, `tasks`: names as on the command line, or classes; a class of a notebook is written to a file
    beside the store. `length_range`: as `--length 3..40`. `params`: 50_000 or "50k". `options`: as `--set`, by name; a
    tuple of values makes variants. `tuned`: with the settings that `harness tune` found. Everything else is as the flag
    of that name says.

    Ctrl-C, or a notebook's stop button, raises KeyboardInterrupt. Finished runs are kept, and the same call runs the
    rest. Raises HarnessError for a request that is wrong, before anything is trained.
    """
    call = call_of(run_sweep, locals())
    place = Place(engine, device, jobs, slots_per_gpu, timeout, ray_address, gpus_per_run)
    place.refuse()
    one_of("device", device, get_args(Device))
    one_of("reuse", reuse, get_args(Reuse))
    uri = resolve_uri(tracking_uri)
    if params is not None and hidden_size is not None:
        raise UsageError("params solves hidden_size: leave out one of params and hidden_size.")
    names, task_names = names_of(architectures, tasks, uri)
    place.prepare()

    settings = settings_of("run_sweep", training, TrainingSettings)
    sweep = sweep_of(
        names,
        task_names,
        [whole("lengths", length, 1) for length in several(lengths)],
        range_of(length_range),
        [whole("test_lengths", length, 1) for length in several(test_lengths)],
        seeds=whole("seeds", seeds, 1),
        first_seed=whole("first_seed", first_seed, 0),
        params=read("params", params, parameter_count),
        match=one_of("match", match, get_args(Match)),
        settings={**settings, "keep_weights": _keep(keep_weights)},
        options=options_of(options, hidden_size),
    )
    request = Request(read("name", name or None, sweep_name) or "", reuse, retry, max_failures, quiet, call)
    with place.connected(), kept_beside(sqlite_path(uri)):
        from harness.tracking.store import Store

        sweep = _tuned(sweep, uri, tuned == "any") if tuned else sweep
        swept = executed(sweep, place, Store(uri), request)
    outcome = swept.outcome
    if outcome.interrupted:
        raise _stopped(swept)
    known = outcome.stored if outcome.reused == len(swept.runs) else []
    return replace(sweep_results(outcome.name, tracking_uri, known), shown_in_cell=swept.cell)


def _tuned(sweep: SweepSpec, uri: str, outdated_too: bool) -> SweepSpec:
    """The sweep with the settings that `harness tune` found."""
    from harness.tracking.store import existing
    from harness.tuning.apply import apply_tuned

    return apply_tuned(sweep, existing(uri), outdated_too)[0]


def _stopped(swept: Executed) -> KeyboardInterrupt:
    kept = sum(record.status != "interrupted" for record in swept.outcome.records)
    return KeyboardInterrupt(
        f"{runs_are(kept, len(swept.runs))} kept: harness.load_results(sweep={swept.outcome.name!r}) has "
        "those that are finished, and the same call runs the rest."
    )


def _keep(value: str) -> str | None:
    """The policy on weights; None for the default one, as where the flag is not typed."""
    from harness.spec import KEEP_WEIGHTS, RunSpec

    return None if value == RunSpec.keep_weights else one_of("keep_weights", value, KEEP_WEIGHTS)
