"""A sweep becomes runs: every combination of architecture, task, length, seed and options."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch

from harness.discovery import time_limit
from harness.discovery.plugin_errors import describe_error
from harness.discovery.variants import (
    HIDDEN_SIZE,
    ArchitectureVariant,
    TaskVariant,
    architecture_variants,
    compose_all,
    labels,
    load_tasks,
    refuse_endless,
    refuse_unknown_options,
    task_variants,
)
from harness.errors import HarnessError, PluginError, UsageError
from harness.process.guarded import ending_new_children
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.settings import recommended, refuse_settings, setting_variants, split_typed
from harness.task import Task
from harness.training.build import build_model, make_task, time_steps
from harness.training.frame import NONE, embedding_of, refuse_embedding
from harness.training.model import Model
from harness.training.sizing import match, match_state

LONGEST = 100_000
"""Greatest length that is accepted: beyond it one training step takes minutes and gigabytes."""
_Trained = tuple[int | None, int]
"""The shortest and the longest length of a run; the shortest is None where there is one length."""


@ending_new_children()
def plan(sweep: SweepSpec) -> list[RunSpec]:
    """Every run of a sweep, in the order in which a comparison grows: by task, seed, length, then architecture."""
    compositions, tasks = compose_all(sweep.architectures), load_tasks(sweep.tasks)
    options, own_settings = split_typed(sweep.options, compositions, tasks)
    refuse_unknown_options(compositions, tasks, options)
    for solver, given in (("--params", sweep.params), ("--match state", sweep.match == "state")):
        if given and HIDDEN_SIZE in options:
            raise UsageError(f"{solver} solves hidden_size; leave out one of {solver} and --set hidden_size=...")
    called = labels(compositions)
    variants = [
        variant
        for one in compositions
        for plain in architecture_variants(one, options, called[one.name])
        for variant in setting_variants(plain, sweep.settings, own_settings)
    ]
    runs = []
    for task_variant in (variant for part in tasks for variant in task_variants(part, options)):
        task = _make_task(task_variant)
        lengths = _lengths(sweep, task, task_variant.label)
        refuse_endless(len(variants) * len(lengths) * sweep.seeds)
        for variant in variants:
            _refuse_options(variant, task.inputs.size)
        tuned = [_tuned(sweep, variant, task_variant) for variant in variants]
        sized = _sized(sweep, tuned, task, max(longest for _, longest in lengths))
        seeds = range(sweep.first_seed, sweep.first_seed + sweep.seeds)
        for seed, length, variant in itertools.product(seeds, lengths, sized):
            runs.append(_run(sweep, variant, task_variant, task, seed, length))
    for spec in {(spec.task_label, spec.label): spec for spec in runs}.values():
        refuse_settings(spec)
    _refuse_embedding_of_vectors(runs)
    return list({spec.identity: spec for spec in runs}.values())


def _sized(
    sweep: SweepSpec, variants: list[ArchitectureVariant], task: Task, longest: int
) -> list[ArchitectureVariant]:
    """The variants at the hidden_size that makes their models alike on this task, in what `sweep.match` says."""
    if sweep.params is None and sweep.match != "state":
        return variants
    longest = max(longest, *sweep.settings.get("test_lengths", ()), 1)
    sizes = _sizes(sweep, variants, [_builder(variant, task, longest) for variant in variants])
    asked: dict[str, Any] = {} if sweep.params is None else {"params": sweep.params}
    if sweep.match != "params":
        asked["match"] = sweep.match
    return [
        replace(variant, hidden_size=size, asked={**variant.asked, **asked})
        for variant, size in zip(variants, sizes, strict=True)
    ]


def _sizes(
    sweep: SweepSpec, variants: list[ArchitectureVariant], builds: list[Callable[[int], Model]]
) -> Iterable[int]:
    """The hidden_size of each; without a number of parameters, the first one has its own."""
    if sweep.match == "params" and sweep.params:
        return [match(build, sweep.params).hidden_size for build in builds]
    first = match(builds[0], sweep.params).hidden_size if sweep.params else variants[0].hidden_size
    return match_state(builds, first) if sweep.match == "state" else itertools.repeat(first, len(builds))


def _tuned(sweep: SweepSpec, variant: ArchitectureVariant, task: TaskVariant) -> ArchitectureVariant:
    """The variant with the options that a search found for it on this task."""
    tuned = sweep.tuned_for(variant.name, task.label)
    values = tuned.values if tuned else {}
    options = {key: value for key, value in values.items() if "." in key}
    size = values.get(HIDDEN_SIZE, variant.hidden_size)
    return replace(variant, options={**variant.options, **options}, hidden_size=size)


def _builder(variant: ArchitectureVariant, task: Task, longest: int) -> Callable[[int], Model]:
    """Makes a variant's model of a hidden_size."""
    frame = _embedding(variant, task)
    spec = RunSpec(variant.name, "", longest, architecture_options=variant.options, embedding=frame)
    return lambda size: build_model(replace(spec, hidden_size=size), task)


def _run(
    sweep: SweepSpec, variant: ArchitectureVariant, task: TaskVariant, made: Task, seed: int, length: _Trained
) -> RunSpec:
    tuned = sweep.tuned_for(variant.name, task.label)
    values = tuned.values if tuned else {}
    asked = {**values, "tuned": tuned.budget} if tuned else {}
    found = {key: value for key, value in values.items() if "." not in key and key != HIDDEN_SIZE}
    settings = {**recommended(variant.composition), **found, **variant.settings}
    return RunSpec(
        architecture=variant.name,
        task=task.name,
        length=length[1],
        length_from=length[0],
        seed=seed,
        architecture_options=variant.options,
        task_options=task.options,
        hidden_size=variant.hidden_size,
        architecture_code=variant.composition.code,
        task_code=task.part.code,
        task_data=made.data,
        code_files={**variant.composition.files, **task.part.files},
        label=variant.label,
        task_label=task.label,
        asked={**variant.asked, **task.asked, **asked, **variant.settings},
        **{**settings, "embedding": _embedding(variant, made)},
    )


def _embedding(variant: ArchitectureVariant, task: Task) -> str:
    """The frame of a variant on a task: as typed, else as the architecture recommends, else as the task has it."""
    asked = {**recommended(variant.composition), **variant.settings}.get("embedding")
    if asked is not None:
        refuse_embedding(asked)
    return embedding_of(task.inputs, asked)


def _refuse_embedding_of_vectors(runs: list[RunSpec]) -> None:
    """Raises UsageError where an embedding is asked for, and no task has tokens to embed."""
    if all(spec.embedding == NONE for spec in runs) and any("embedding" in spec.asked for spec in runs):
        tasks = ", ".join(dict.fromkeys(spec.task_label for spec in runs))
        raise UsageError(f"--embedding is for tasks whose inputs are tokens, and those of {tasks} are vectors.")


def _make_task(variant: TaskVariant) -> Task:
    try:
        return make_task(variant.part, variant.options)
    except ValueError as error:
        raise UsageError(f"{variant.label}: {error}") from None
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {variant.label} cannot be made: {describe_error(error)}") from error


def _refuse_options(variant: ArchitectureVariant, input_size: int) -> None:
    """Makes an architecture on the meta device: its ValueError refuses options that were typed.

    Foreign code is made even where nothing was typed, to see which files its constructor reads.
    """
    if not variant.asked and variant.composition.is_installed:
        return
    try:
        with time_limit.within(time_limit.SECONDS, f"Making {variant.label}"), torch.device("meta"):
            variant.composition.build(input_size, variant.hidden_size, variant.options, max_length=1)
    except ValueError as error:
        if variant.asked:
            raise UsageError(f"{variant.label}: {error}") from None
    except PluginError:
        raise
    except (Exception, SystemExit):
        return  # its cause is not the options: the run itself reports it


def _lengths(sweep: SweepSpec, task: Task, label: str) -> list[_Trained]:
    """What to train at; every length, those tested at too, must be one the task can make."""
    lengths = sweep.length_range or sweep.lengths or task.default_lengths
    every = (*lengths, *sweep.settings.get("test_lengths", ()))
    for length in every:
        _refuse_length(task, length, label)
    for length in range(sweep.length_range[0], sweep.length_range[1]) if sweep.length_range else ():
        _refuse_length(task, length, label)
    try:
        with time_limit.within(time_limit.SECONDS, f"Sampling {label} at length {min(lengths)}"):
            time_steps(task, min(lengths))
        for length in every:
            task.chance(length)
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {label} cannot be sampled, or told its chance: {describe_error(error)}") from error
    if sweep.length_range:
        return [sweep.length_range]
    return [(None, length) for length in dict.fromkeys(lengths)]


def _refuse_length(task: Task, length: int, label: str) -> None:
    """Raises UsageError for a length that is too long for anything, or that the task refuses."""
    if length > LONGEST:
        raise UsageError(f"{label}: takes lengths from {task.min_length} to {LONGEST:,}, got {length:,}.")
    try:
        task.refuse_length(length)
    except ValueError as error:
        raise UsageError(f"{label}: {error}.") from None
    except (Exception, SystemExit) as error:
        raise PluginError(f"task {label} cannot say whether it takes a length: {describe_error(error)}") from error
