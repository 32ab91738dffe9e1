"""A grid of runs: planned, what is done already left out, the rest handed to an engine, records collected."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import torch

from harness.budget import match
from harness.build import build_architecture
from harness.device import git_revision
from harness.engines import Engine, Listener
from harness.errors import UsageError
from harness.interrupt import held_back
from harness.record import FINAL, Record
from harness.run import build_model, build_task, know_task
from harness.spec import RunSpec
from harness.task import Task
from harness.track import Store
from harness.train import Progress
from harness.variants import HIDDEN_SIZE, Typed, Variant, architecture_variants, check_names, task_variants

LONGEST = 100_000
"""Greatest length that is accepted: beyond it one training step takes minutes and gigabytes."""


Reuse = Literal["fresh", "any", "none"]
"""Which finished runs stand: those of today's plugin code, those of older code too, or none."""


@dataclass(frozen=True)
class SweepSpec:
    """What a person asks for: every combination of these; settings that are not given are at their defaults."""

    architectures: tuple[str, ...]
    tasks: tuple[str, ...]
    lengths: tuple[int, ...] = ()  # empty: each task's own
    seeds: int = 1  # 0 .. seeds-1
    params: int | None = None  # parameters of every model: hidden_size is solved for each architecture and task
    settings: dict[str, Any] = field(default_factory=dict)  # of RunSpec: steps, batch_size, lr, test_lengths, ...
    options: Typed = field(default_factory=dict)  # from --set


@dataclass
class Outcome:
    """What became of a sweep."""

    records: list[Record]  # of every planned run that ended, now or before, in the order of the plan
    reused: int
    interrupted: bool = False


class Display(Listener, Protocol):
    """Shows a sweep while it goes on."""

    def planned(self, runs: dict[str, RunSpec], done: int) -> None: ...
    def ended(self, key: str, record: Record) -> None: ...


def plan(sweep: SweepSpec) -> list[RunSpec]:
    """Every run of a sweep, in the order in which a comparison grows: by task, seed, length, then architecture."""
    check_names(sweep.architectures, sweep.tasks, sweep.options)
    if sweep.params and HIDDEN_SIZE in sweep.options:
        raise UsageError("--params solves hidden_size; leave out one of --params and --set hidden_size=...")
    variants = [(name, v) for name in sweep.architectures for v in architecture_variants(name, sweep.options)]
    tasks = [(name, v) for name in sweep.tasks for v in task_variants(name, sweep.options)]
    runs = []
    for task, task_variant in tasks:
        made = _make_task(task, task_variant)
        lengths = _lengths(sweep, made, task_variant.label)
        for name, variant in variants:
            _try_out(name, variant, made.inputs.size)
        sized = [(name, _sized(sweep, name, variant, made, max(lengths))) for name, variant in variants]
        for seed, length, architecture in itertools.product(range(sweep.seeds), lengths, sized):
            runs.append(_run(sweep, architecture, (task, task_variant), seed, length))
    return list({spec.identity: spec for spec in runs}.values())


def execute(
    sweep: SweepSpec,
    runs: list[RunSpec],
    engine: Engine,
    store: Store,
    display: Display,
    reuse: Reuse = "fresh",
    curves: bool = False,
) -> Outcome:
    """Runs what is missing and records it; Ctrl-C ends the sweep with everything finished kept.

    `curves`: read the learning curves of runs that were finished before too, which takes a store some milliseconds.
    """
    planned = {spec.identity: spec for spec in runs}
    done = finished(store, planned, reuse)
    if curves:
        done = {key: (run_id, replace(r, curve=store.learning_curve(run_id))) for key, (run_id, r) in done.items()}
    display.planned(planned, len(done))
    for identity in sorted(planned.keys() - done, key=lambda key: _turn(planned[key])):
        engine.submit(identity, planned[identity])
    driver = _Driver(store, display, planned, _name(planned))
    interrupted = driver.drive(engine)
    cells = done | driver.cells
    with held_back():
        store.write_curves(dict(cells.values()), _name(planned))
    return Outcome([cells[key][1] for key in planned if key in cells], len(done), interrupted)


def _name(planned: dict[str, RunSpec]) -> str:
    """What the records of a sweep are marked with: a digest of all it consists of, plugin code and labels included."""
    content = sorted((identity, spec.label) for identity, spec in planned.items())
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _turn(spec: RunSpec) -> tuple[int, int, str]:
    """Seed by seed; within one the longest first, so that workers end together. The identity settles the rest."""
    return spec.seed, -spec.length * spec.steps * spec.batch_size, spec.identity


class _Driver:
    """Writes what the engine tells to the store and shows it."""

    def __init__(self, store: Store, display: Display, planned: dict[str, RunSpec], sweep: str) -> None:
        self.store, self.display, self.planned, self.sweep = store, display, planned, sweep
        self.running: dict[str, str] = {}  # identity: MLflow id
        self.cells: dict[str, tuple[str, Record]] = {}  # by identity: MLflow id and record
        self.revision = git_revision()

    def drive(self, engine: Engine) -> bool:
        """Collects until nothing is left; whether it was interrupted."""
        try:
            while ended := engine.collect(self):
                with held_back():
                    for key, record in ended:
                        self._end(key, record)
                if any(record.status == "interrupted" for _, record in ended):
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            engine.cancel()
            for key in list(self.running):
                self._end(key, Record(self.planned[key], reason="interrupted from outside"))
            return True
        except BaseException:  # as where nothing more can be recorded
            engine.cancel()
            raise
        return False

    def started(self, key: str) -> None:
        with held_back():
            self.running[key] = self.store.start(self.planned[key], self.sweep)
        self.display.started(key)

    def progressed(self, key: str, progress: Progress) -> None:
        self.display.progressed(key, progress)

    def _end(self, key: str, record: Record) -> None:
        run_id = self.running.get(key) or self.store.start(self.planned[key], self.sweep)
        if not record.chances:  # its process did not live to tell
            know_task(record, build_task(record.spec.task, record.spec.task_options))
        if self.revision:
            record.environment["git"] = self.revision
        self.store.finish(run_id, record)
        self.running.pop(key, None)
        self.cells[key] = run_id, record
        self.display.ended(key, record)


def finished(store: Store, planned: dict[str, RunSpec], reuse: Reuse) -> dict[str, tuple[str, Record]]:
    """MLflow id and record, by planned identity, of runs that need not be run again; the newest of each."""
    if reuse == "none":
        return {}
    wanted = {_codeless(spec) if reuse == "any" else key: key for key, spec in planned.items()}
    found: dict[str, tuple[str, Record]] = {}
    for run_id, record in store.records({spec.task_label for spec in planned.values()}):
        identity = wanted.get(_codeless(record.spec) if reuse == "any" else record.identity)
        if identity and identity not in found and record.status in FINAL:
            found[identity] = run_id, replace(record, spec=_named_like(record.spec, planned[identity]))
    return found


def _named_like(recorded: RunSpec, planned: RunSpec) -> RunSpec:
    """What was run, under the names it has in this sweep: its label may be another, its code may be older."""
    names = {name: getattr(planned, name) for name in ("architecture", "task", "label", "task_label")}
    return replace(recorded, **names)


def _codeless(spec: RunSpec) -> str:
    """The identity but for the plugins' source."""
    return replace(spec, architecture_code="", task_code="").identity


def _sized(sweep: SweepSpec, name: str, variant: Variant, task: Task, longest: int) -> Variant:
    """The variant at the hidden_size that gives its model the asked number of parameters on this task."""
    if sweep.params is None:
        return variant
    spec = RunSpec(name, "", longest, architecture_options=variant.options)
    found = match(lambda size: build_model(replace(spec, hidden_size=size), task), sweep.params)
    return replace(variant, hidden_size=found.hidden_size, asked={**variant.asked, "params": sweep.params})


def _run(
    sweep: SweepSpec, architecture: tuple[str, Variant], task: tuple[str, Variant], seed: int, length: int
) -> RunSpec:
    name, variant = architecture
    task_name, task_variant = task
    return RunSpec(
        architecture=name,
        task=task_name,
        length=length,
        seed=seed,
        architecture_options=variant.options,
        task_options=task_variant.options,
        hidden_size=variant.hidden_size,
        architecture_code=variant.code,
        task_code=task_variant.code,
        label=variant.label,
        task_label=task_variant.label,
        asked={**variant.asked, **task_variant.asked, **sweep.settings},
        **sweep.settings,
    )


def _make_task(name: str, variant: Variant) -> Task:
    try:
        return build_task(name, variant.options)
    except ValueError as error:
        raise UsageError(f"{variant.label}: {error}") from None


def _try_out(name: str, variant: Variant, input_size: int) -> None:
    """Makes an architecture, without its numbers, whose options were typed: a ValueError refuses them."""
    if not variant.asked:
        return
    try:
        with torch.device("meta"):
            build_architecture(name, input_size, variant.hidden_size, variant.options)
    except ValueError as error:
        raise UsageError(f"{variant.label}: {error}") from None
    except (Exception, SystemExit):
        return  # not about its options: the run itself will tell


def _lengths(sweep: SweepSpec, task: Task, label: str) -> tuple[int, ...]:
    """The lengths to train at; every length, those tested at too, must be one the task can make."""
    lengths = sweep.lengths or task.default_lengths
    for length in (*lengths, *sweep.settings.get("test_lengths", ())):
        if not task.min_length <= length <= LONGEST:
            raise UsageError(f"{label} takes lengths from {task.min_length} to {LONGEST:,}, got {length:,}.")
    return tuple(dict.fromkeys(lengths))
