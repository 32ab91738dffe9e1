"""A sweep becomes runs: every combination of architecture, task, length, seed and options."""

from __future__ import annotations

import itertools
from dataclasses import replace

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
from harness.errors import HarnessError, PluginError, UsageError
from harness.spec import RunSpec, SweepSpec
from harness.task import Task
from harness.training.build import build_model, build_task, time_steps
from harness.training.sizing import match

LONGEST = 100_000
"""Greatest length that is accepted: beyond it one training step takes minutes and gigabytes."""


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
            build_architecture(name, input_size, variant.hidden_size, variant.options, max_length=1)
    except ValueError as error:
        raise UsageError(f"{variant.label}: {error}") from None
    except (Exception, SystemExit):
        return  # not about its options: the run itself will tell


def _lengths(sweep: SweepSpec, task: Task, label: str) -> tuple[int, ...]:
    """The lengths to train at; every length, those tested at too, must be one the task can make."""
    lengths = sweep.lengths or task.default_lengths
    for length in (every := (*lengths, *sweep.settings.get("test_lengths", ()))):
        _refuse_length(task, length, label)
    try:
        time_steps(task, min(lengths))
        for length in every:
            task.chance(length)
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {label} cannot be sampled, or told its chance: {registry.told(error)}") from error
    return tuple(dict.fromkeys(lengths))


def _refuse_length(task: Task, length: int, label: str) -> None:
    """Raises UsageError for a length that is too long for anything, or that the task refuses."""
    if length > LONGEST:
        raise UsageError(f"{label}: takes lengths from {task.min_length} to {LONGEST:,}, got {length:,}.")
    try:
        task.refuse_length(length)
    except ValueError as error:
        raise UsageError(f"{label}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {label} cannot say whether it takes a length: {registry.told(error)}") from error
