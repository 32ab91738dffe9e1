"""A grid of runs: planned, what is done already left out, the rest handed to an engine, records collected."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Literal

import torch

from harness.discovery import registry, time_limit
from harness.discovery.compose import build_architecture, full_name
from harness.discovery.variants import (
    HIDDEN_SIZE,
    Variant,
    architecture_variants,
    check_names,
    refuse_endless,
    task_variants,
)
from harness.engines import Engine
from harness.errors import HarnessError, PluginError, UsageError
from harness.process.interrupt import held_back
from harness.record import FINAL, Record
from harness.spec import Planned, RunSpec, SweepSpec
from harness.sweeps.driver import Display, Driver, Rules
from harness.task import Task
from harness.tracking.curves import write_curves
from harness.tracking.store import Store
from harness.tracking.sweep_log import written
from harness.training.build import build_model, build_task, time_steps
from harness.training.sizing import match

_PLAIN = Rules()
_ROUNDS = 3  # of runs that other drivers had begun: each of them may fail to finish one
LONGEST = 100_000
"""Greatest length that is accepted: beyond it one training step takes minutes and gigabytes."""


Reuse = Literal["fresh", "any", "none"]
"""Which finished runs stand: those of today's plugin code, those of older code too, or none."""


@dataclass
class Outcome:
    """What became of a sweep."""

    name: str
    records: list[Record]  # of every planned run that ended, now or before, in the order of the plan
    reused: int = 0  # runs that were finished before
    helped: int = 0  # runs that another driver finished meanwhile
    stale: int = 0  # finished runs that are not reused: their plugin's code has changed since
    elsewhere: int = 0  # runs that another driver is at work on
    stopped: str = ""  # why it ended before its time
    interrupted: bool = False


@dataclass
class Found:
    """What a store holds of a plan."""

    done: dict[str, tuple[str, Record]]  # by planned identity: MLflow id and record, the newest of each
    stale: set[str]  # planned identities that are finished with older plugin code only


_Named = list[tuple[str, Variant]]
"""Variants of architectures, by the name that was typed."""


def plan(sweep: SweepSpec) -> list[RunSpec]:
    """Every run of a sweep, in the order in which a comparison grows: by task, seed, length, then architecture."""
    sweep = replace(sweep, architectures=tuple(dict.fromkeys(map(full_name, sweep.architectures))))
    check_names(sweep.architectures, sweep.tasks, sweep.options)
    if sweep.params and HIDDEN_SIZE in sweep.options:
        raise UsageError("--params solves hidden_size; leave out one of --params and --set hidden_size=...")
    variants = [(name, v) for name in sweep.architectures for v in architecture_variants(name, sweep.options)]
    tasks = [(name, v) for name in sweep.tasks for v in task_variants(name, sweep.options)]
    runs = []
    for task, task_variant in tasks:
        made = _make_task(task, task_variant)
        if made.data:
            task_variant = replace(task_variant, code=f"{task_variant.code}+{made.data}")
        lengths = _lengths(sweep, made, task_variant.label)
        refuse_endless(len(variants) * len(lengths) * sweep.seeds)
        for name, variant in variants:
            _try_out(name, variant, made.inputs.size)
        tuned = [(name, _tuned(sweep, name, variant, task_variant)) for name, variant in variants]
        sized = _sized(sweep, tuned, made, max(lengths))
        seeds = range(sweep.first_seed, sweep.first_seed + sweep.seeds)
        for seed, length, architecture in itertools.product(seeds, lengths, sized):
            runs.append(_run(sweep, architecture, (task, task_variant), seed, length))
    return list({spec.identity: spec for spec in runs}.values())


def execute(
    sweep: SweepSpec,
    runs: list[RunSpec],
    engine: Engine,
    store: Store,
    display: Display,
    reuse: Reuse = "fresh",
    rules: Rules = _PLAIN,
    command: str = "",
    only: Set[str] | None = None,
    curves: bool = False,
) -> Outcome:
    """Runs what is missing and records it; Ctrl-C ends the sweep with everything finished kept.

    `command`: the line that was typed, for the record. `only`: identities to run, finished or not, and no others.
    `curves`: read the learning curves of all runs back, which takes a store some milliseconds for each.
    """
    planned = {spec.identity: spec for spec in runs}
    name = _name(planned)
    display.looking(len(planned))
    found = finished(store, planned, reuse)
    reused = {key: record.identity for key, (_, record) in found.done.items()}  # of older code, with reuse "any"
    listed = [replace(Planned.of(spec), identity=reused.get(key, key)) for key, spec in planned.items()]
    with written(store, name, sweep, command, listed) as journal:
        store.bury_lost({spec.task_label for spec in runs})
        display.planned(planned, len(found.done))
        driver = Driver(store, display, journal, planned, name, rules)
        missing = planned.keys() - found.done if only is None else only
        interrupted = _work(driver, engine, missing, found, reuse)
        cells = found.done | driver.cells
        with held_back():
            driver.patiently(lambda: write_curves(store, [record for _, record in cells.values()], name))
    if curves:
        cells = {key: (run_id, replace(r, curve=store.learning_curve(run_id))) for key, (run_id, r) in cells.items()}
    return Outcome(
        name,
        [cells[key][1] for key in planned if key in cells],
        reused=len(reused.keys() - driver.cells.keys()),
        helped=len(found.done.keys() - reused.keys() - driver.cells.keys()),
        stale=len(found.stale),
        elsewhere=len(driver.elsewhere),
        stopped=driver.stopped,
        interrupted=interrupted,
    )


def _work(driver: Driver, engine: Engine, missing: Set[str], found: Found, reuse: Reuse) -> bool:
    """Executes what is missing, then what other drivers had begun and did not finish; whether it was interrupted."""
    for _ in range(_ROUNDS):
        if driver.drive(engine, sorted(missing, key=lambda key: _turn(driver.planned[key]))):
            return True
        theirs = {key: driver.planned[key] for key in driver.elsewhere}
        if driver.stopped or not theirs:
            break
        found.done |= finished(driver.store, theirs, reuse).done
        at_work = driver.store.running({spec.task_label for spec in theirs.values()})
        driver.elsewhere &= at_work - found.done.keys()
        missing = theirs.keys() - found.done - at_work
    return False


def _name(planned: dict[str, RunSpec]) -> str:
    """What the records of a sweep are marked with: a digest of all it consists of, plugin code and labels included."""
    content = sorted((identity, spec.label) for identity, spec in planned.items())
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _turn(spec: RunSpec) -> tuple[int, int, str]:
    """Seed by seed; within one the longest first, so that workers end together. The identity settles the rest."""
    return spec.seed, -spec.length * spec.steps * spec.batch_size, spec.identity


def finished(store: Store, planned: dict[str, RunSpec], reuse: Reuse) -> Found:
    """Which planned runs need not be run again."""
    found = Found({}, set())
    if reuse == "none":
        return found
    codeless = {_codeless(spec): key for key, spec in planned.items()}
    for run_id, record in store.records({spec.task_label for spec in planned.values()}):
        if record.status not in FINAL:
            continue
        identity = record.identity if record.identity in planned else codeless.get(_codeless(record.spec))
        if identity is None or identity in found.done:
            continue
        if identity == record.identity or reuse == "any":
            found.done[identity] = run_id, replace(record, spec=_named_like(record, planned[identity]))
        else:
            found.stale.add(identity)
    found.stale -= found.done.keys()
    return found


def _named_like(record: Record, planned: RunSpec) -> RunSpec:
    """What was run, under the names it has in this sweep: its label may be another, its code may be older."""
    if record.identity == planned.identity:
        return planned
    names = {name: getattr(planned, name) for name in ("architecture", "task", "label", "task_label")}
    return replace(record.spec, **names)


def _codeless(spec: RunSpec) -> str:
    """The identity but for the plugins' source."""
    return replace(spec, architecture_code="", task_code="").identity


def _sized(sweep: SweepSpec, variants: _Named, task: Task, longest: int) -> _Named:
    """The variants at the hidden_size that gives their models the asked number of parameters on this task."""
    if sweep.params is None:
        return variants
    longest = max(longest, *sweep.settings.get("test_lengths", ()), 1)
    sizes = [_solved(sweep.params, name, variant, task, longest) for name, variant in _to_solve(sweep, variants)]
    asked = {"params": sweep.params, **({"match": "hidden"} if sweep.match == "hidden" else {})}
    return [
        (name, replace(variant, hidden_size=size, asked={**variant.asked, **asked}))
        for (name, variant), size in zip(variants, itertools.cycle(sizes), strict=False)
    ]


def _tuned(sweep: SweepSpec, name: str, variant: Variant, task: Variant) -> Variant:
    """The variant with the options that a search found for it on this task."""
    values = sweep.tuned.get(f"{name} on {task.label}", {})
    options = {key: value for key, value in values.items() if "." in key}
    size = values.get(HIDDEN_SIZE, variant.hidden_size)
    return replace(variant, options={**variant.options, **options}, hidden_size=size)


def _to_solve(sweep: SweepSpec, variants: _Named) -> _Named:
    return variants[:1] if sweep.match == "hidden" else variants


def _solved(params: int, name: str, variant: Variant, task: Task, longest: int) -> int:
    spec = RunSpec(name, "", longest, architecture_options=variant.options)
    return match(lambda size: build_model(replace(spec, hidden_size=size), task), params).hidden_size


def _run(
    sweep: SweepSpec, architecture: tuple[str, Variant], task: tuple[str, Variant], seed: int, length: int
) -> RunSpec:
    name, variant = architecture
    task_name, task_variant = task
    tuned = sweep.tuned.get(f"{name} on {task_variant.label}", {})
    asked = {key: value for key, value in tuned.items() if key != "search"}
    settings = {key: value for key, value in asked.items() if "." not in key and key not in (HIDDEN_SIZE, "tuned")}
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
        asked={**variant.asked, **task_variant.asked, **asked, **sweep.settings},
        **{**settings, **sweep.settings},
    )


def _make_task(name: str, variant: Variant) -> Task:
    try:
        return build_task(name, variant.options)
    except ValueError as error:
        raise UsageError(f"{variant.label}: {error}") from None
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {variant.label} cannot be made: {registry.told(error)}") from error


def _try_out(name: str, variant: Variant, input_size: int) -> None:
    """Makes an architecture, without its numbers, whose options were typed: a ValueError refuses them."""
    if not variant.asked:
        return
    try:
        with time_limit.within(time_limit.SECONDS, f"Making {variant.label}"), torch.device("meta"):
            build_architecture(name, input_size, variant.hidden_size, variant.options)
    except ValueError as error:
        raise UsageError(f"{variant.label}: {error}") from None
    except (Exception, SystemExit):
        return  # not about its options: the run itself will tell


def _lengths(sweep: SweepSpec, task: Task, label: str) -> tuple[int, ...]:
    """The lengths to train at; every length, those tested at too, must be one the task can make."""
    lengths = sweep.lengths or task.default_lengths
    for length in (every := (*lengths, *sweep.settings.get("test_lengths", ()))):
        if not task.min_length <= length <= LONGEST:
            raise UsageError(f"{label} takes lengths from {task.min_length} to {LONGEST:,}, got {length:,}.")
    try:
        time_steps(task, min(lengths))
        for length in every:
            task.chance(length)
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {label} cannot be sampled, or told its chance: {registry.told(error)}") from error
    return tuple(dict.fromkeys(lengths))
