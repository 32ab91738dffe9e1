"""`harness.run_sweep`: a sweep from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Unpack, get_args

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
    from harness.tracking.store import StoredRecord

_Reuse = Literal["fresh", "any", "none"]


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
    reuse: _Reuse = "fresh",
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
    one_of("reuse", reuse, get_args(_Reuse))
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
    request = _Request(read("name", name or None, sweep_name) or "", reuse, retry, max_failures, tuned, quiet, call)
    with place.connected(), kept_beside(sqlite_path(uri)):
        swept = _executed(sweep, place, uri, request)
    return replace(sweep_results(swept.name, tracking_uri, swept.known), shown_in_cell=swept.cell)


@dataclass(frozen=True)
class _Request:
    """How a sweep is carried out, as far as no result depends on it."""

    title: str
    reuse: _Reuse
    retry: int
    max_failures: int | None
    tuned: bool | Literal["any"]
    quiet: bool
    call: str  # for the log of sweeps, where the command line has the line that was typed


@dataclass(frozen=True)
class _Swept:
    """What became of a sweep."""

    name: str  # under which the store has it
    known: Sequence[StoredRecord]  # its records, where all were there before
    cell: int | None  # of the notebook that shows it


def _executed(sweep: SweepSpec, place: Place, uri: str, request: _Request) -> _Swept:
    """Executes a sweep; KeyboardInterrupt where it was stopped."""
    from harness.sweeps.driver import Rules
    from harness.sweeps.execute import SweepRequest, execute
    from harness.sweeps.live import live_display
    from harness.sweeps.plan import plan
    from harness.sweeps.progress import Quiet, display
    from harness.tracking.store import Store, existing
    from harness.tuning.apply import apply_tuned

    if request.tuned:
        sweep, _ = apply_tuned(sweep, existing(uri), request.tuned == "any")
    runs = plan(sweep)
    rules = Rules(request.retry, request.max_failures, shared=request.reuse != "none")
    asked = SweepRequest(
        sweep, runs, request.call, request.title, reuse=request.reuse, rules=rules, learning_curves="thinned"
    )
    live = None if request.quiet else live_display()
    with Quiet() if request.quiet else live or display() as shown:
        outcome = execute(asked, place.make_engine(), Store(uri), shown)
    if outcome.interrupted:
        kept = sum(record.status != "interrupted" for record in outcome.records)
        raise KeyboardInterrupt(
            f"{kept} of {len(runs)} runs are kept: harness.load_results(sweep={outcome.name!r}) has "
            "those that are finished, and the same call runs the rest."
        )
    known = outcome.stored if outcome.reused == len(runs) else []
    return _Swept(outcome.name, known, live.cell if live else None)


def _keep(value: str) -> str | None:
    """The policy on weights; None for the default one, as where the flag is not typed."""
    from harness.spec import KEEP_WEIGHTS, RunSpec

    return None if value == RunSpec.keep_weights else one_of("keep_weights", value, KEEP_WEIGHTS)
