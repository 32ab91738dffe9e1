"""The harness from Python: the functions that `import harness` offers, in the words of the command line.

    results = harness.run_sweep(architectures=["lstm", "gru"], tasks=["copy"], lengths=[5, 10], seeds=3, steps=500)

A sweep that is asked for here and the same sweep typed as a command are the same records: nothing is run twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar, Unpack, get_args

from harness.discovery import registry
from harness.discovery.classes import name_of
from harness.errors import UsageError, did_you_mean
from harness.spec import Match
from harness.sweeps.asked import Device, EngineName, parameter_count, refuse_unknown_names, sweep_name, sweep_of
from harness.sweeps.given import as_text, one_of, range_of, read, several, values_of, whole
from harness.sweeps.place import Place
from harness.tracking.address import resolve_uri, sqlite_path

if TYPE_CHECKING:
    from harness.analysis.sweep_results import SweepResults
    from harness.inspection_record import Inspection
    from harness.spec import SweepSpec
    from harness.training.model import Model

_T = TypeVar("_T")
Several: TypeAlias = _T | Sequence[_T]
"""One value, or several, each of which makes a variant."""
_Reuse = Literal["fresh", "any", "none"]
Value = bool | int | float | str | None | list[Any]
_CLASSES = "harness-classes"  # folder for the source of classes of notebooks
_RENAMED = {"batch": "batch_size"}  # of `TrainingSettings`, to the names in RunSpec


class TrainingSettings(TypedDict, total=False):
    """Settings of the training: the flags of `harness run` of these names, `-` written as `_`; see `harness run -h`."""

    steps: Several[int]
    batch: Several[int]
    lr: Several[float]
    schedule: Several[str]
    warmup: Several[int]
    final_lr: Several[float]
    optimizer: Several[str]
    weight_decay: Several[float]
    beta2: Several[float]
    clip: Several[float]
    tbptt: Several[int]
    embedding: Several[str]
    train_sequences: Several[int]
    precision: Several[str]
    execution: Several[str]
    validate_every: Several[int]
    validation_sequences: Several[int]
    test_sequences: Several[int]


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
    call = _call_of(locals())
    place = Place(engine, device, jobs, slots_per_gpu, timeout, ray_address, gpus_per_run)
    place.refuse()
    one_of("device", device, get_args(Device))
    one_of("reuse", reuse, get_args(_Reuse))
    uri = resolve_uri(tracking_uri)
    folder = _folder_for_classes(uri)
    names = [name_of(one, folder) for one in several(architectures)]
    task_names = [name_of(one, folder) for one in several(tasks)]
    if params is not None and hidden_size is not None:
        raise UsageError("params solves hidden_size: leave out one of params and hidden_size.")
    for what, given in (("architectures", names), ("tasks", task_names)):
        if not given:
            raise UsageError(f"{what}: takes at least one name or class, got none.")
    refuse_unknown_names(names, task_names)
    place.prepare()

    typed = dict(options or {}) | ({} if hidden_size is None else {"hidden_size": tuple(several(hidden_size))})
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
        settings={**_settings(training), "keep_weights": _keep(keep_weights)},
        options=[(key, tuple(map(as_text, values_of(value)))) for key, value in typed.items()],
    )
    request = _Request(read("name", name or None, sweep_name) or "", reuse, retry, max_failures, tuned, quiet, call)
    with place.connected():
        swept = _executed(sweep, place, uri, request)
    return load_results(sweep=swept, tracking_uri=tracking_uri)


def load_results(*, sweep: str | None = None, tracking_uri: str | None = None) -> SweepResults:
    """What a store holds of a sweep: of the newest one, or of the one with this name, as far as it has come.

    Raises HarnessError where there is no such sweep.
    """
    from harness.analysis.sweep_results import SweepResults
    from harness.tracking import results
    from harness.training.task_text import task_texts

    found = results.load_results(sweep, tracking_uri, learning_curves=True)
    known = {field.name: getattr(found, field.name) for field in fields(found)}
    return SweepResults(**{**known, "tasks": task_texts(found.records)})


def load_model(run_id: str, *, tracking_uri: str | None = None) -> Model:
    """The trained model of a run, on the CPU, in evaluation mode: embedding, architecture and head.

    `run_id`: identity or MLflow id, or how one begins. Raises HarnessError where there is no such run, where it left no
    weights, or where the code of its plugins has changed.
    """
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_run
    from harness.training.weights import trained_model

    store = existing(tracking_uri)
    mlflow_id, record = find_run(store, run_id)
    weights = store.weights(mlflow_id)
    if weights is None:
        raise UsageError(
            f"Run {record.identity} has no weights: it ended with status {record.status!r}, or ran with "
            "keep_weights='none'. Run it again with keep_weights='all' and reuse='none'."
        )
    return trained_model(record.spec, weights)


def inspect_run(
    run_id: str, *, length: int | None = None, sequence: str = "", tracking_uri: str | None = None
) -> Inspection:
    """Looks into the model of a run, as `harness inspect RUN` does: gradients by lag, states, gates, decodability.

    `length`: of the sequences; the one trained at by default. `sequence`: the one to show, in the task's own symbols.
    """
    from harness.inspection.inspection import inspect_run as look
    from harness.tracking.inspections import write_inspections
    from harness.tracking.store import existing
    from harness.tracking.sweep_status import find_run
    from harness.training.device import computing, pick

    store = existing(tracking_uri)
    mlflow_id, record = find_run(store, run_id)
    with computing(pick("cpu")):
        found = look(record, store.weights(mlflow_id), length, sequence)
    write_inspections(store, [found])
    return found


def list_architectures() -> list[str]:
    """The names of all installed architectures; nothing is imported."""
    return registry.names("architecture")


def list_tasks() -> list[str]:
    """The names of all installed tasks; nothing is imported."""
    return registry.names("task")


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


def _executed(sweep: SweepSpec, place: Place, uri: str, request: _Request) -> str:
    """Executes a sweep; the name under which the store has it. KeyboardInterrupt where it was stopped."""
    from harness.sweeps.driver import Rules
    from harness.sweeps.execute import SweepRequest, execute
    from harness.sweeps.plan import plan
    from harness.sweeps.progress import Quiet, display
    from harness.tracking.store import Store, existing
    from harness.tuning.apply import apply_tuned

    if request.tuned:
        sweep, _ = apply_tuned(sweep, existing(uri), request.tuned == "any")
    runs = plan(sweep)
    rules = Rules(request.retry, request.max_failures, shared=request.reuse != "none")
    asked = SweepRequest(sweep, runs, request.call, request.title, reuse=request.reuse, rules=rules)
    with Quiet() if request.quiet else display() as shown:
        outcome = execute(asked, place.make_engine(), Store(uri), shown)
    if outcome.interrupted:
        kept = sum(record.status != "interrupted" for record in outcome.records)
        raise KeyboardInterrupt(
            f"{kept} of {len(runs)} runs are kept: harness.load_results(sweep={outcome.name!r}) has "
            "those that are finished, and the same call runs the rest."
        )
    return outcome.name


def _call_of(arguments: Mapping[str, Any]) -> str:
    """The call as it was written: the arguments that are not at their defaults."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(run_sweep).parameters.items()}
    told = {name: value for name, value in arguments.items() if name not in ("training", "tracking_uri", "quiet")}
    given = {name: value for name, value in told.items() if value is not defaults[name] and value != defaults[name]}
    return f"harness.run_sweep({', '.join(f'{k}={_code(v)}' for k, v in {**given, **arguments['training']}.items())})"


def _code(value: Any) -> str:
    """A value as it is written in Python; a class by its name."""
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    return value.__name__ if isinstance(value, type) else repr(value)


def _folder_for_classes(uri: str) -> Path:
    """Beside the file of the store, so that models can be loaded later; in the working folder for a server."""
    file = sqlite_path(uri)
    return (file.parent if file else Path.cwd()) / _CLASSES


def _settings(training: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The settings by their names in RunSpec, each as a list of values; UsageError for an unknown or unfit one."""
    unknown = [name for name in training if name not in TrainingSettings.__annotations__]
    if unknown:
        raise UsageError(did_you_mean("argument of run_sweep", unknown[0], TrainingSettings.__annotations__))

    from harness.sweeps.settings import SETTINGS

    found = {}
    for name, value in training.items():
        if value is None:
            continue
        setting = SETTINGS[_RENAMED.get(name, name)]
        found[setting.name] = [read(name, one, setting.check) for one in several(value)]
    return found


def _keep(value: str) -> str | None:
    """The policy on weights; None for the default one, as where the flag is not typed."""
    from harness.spec import KEEP_WEIGHTS, RunSpec

    return None if value == RunSpec.keep_weights else one_of("keep_weights", value, KEEP_WEIGHTS)
