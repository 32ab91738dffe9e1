"""What happens in the guarded process in which `harness check` examines one plugin.

Messages to the parent: {"ready"}, then {"refused"} or {"kind", "promises"}, then a {"found"} for each promise in turn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

import torch

from harness.discovery import registry
from harness.discovery.compose import Part, compose, load_task
from harness.discovery.kinds import kind_of
from harness.discovery.plugin_errors import describe_error
from harness.discovery.variants import (
    HIDDEN_SIZE,
    ArchitectureVariant,
    TaskVariant,
    Typed,
    architecture_variants,
    refuse_unknown_options,
    task_variants,
)
from harness.errors import HarnessError, UsageError
from harness.spec import RunSpec
from harness.testing._trial import Trial
from harness.testing.architectures import ArchitectureContract
from harness.testing.findings import Finding, Promise, checks, examine, promise_of
from harness.testing.tasks import TaskContract
from harness.training.build import make_task
from harness.training.frame import embedding_of

_LONGEST = 16  # steps, for an architecture that must know the longest sequence; the contract feeds fewer
_MADE = Promise(
    "is made with its options",
    "The constructor's arguments have defaults, and `inputs` and `targets` are declared.",
    "Way out: give every option a default, and set `inputs` and `targets` in the class or in the constructor.",
)


def serve(pipe: Connection, request: dict[str, Any]) -> None:
    """Sends the answers to a request; prints of the plugin go to the log of this process."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    pipe.send({"ready": True})
    for answer in answers(**request):
        pipe.send(answer)
    os._exit(0)  # without waiting for threads of the plugin


def answers(
    name: str,
    kind: registry.Kind | None,
    options: dict[str, list[str]],
    on: str | None = None,
    length: int | None = None,
) -> Iterator[dict[str, Any]]:
    """What goes out for a request, in turn; `on` and `length`: the task that an architecture is tried on besides."""
    try:
        kind = kind or kind_of(name)
        typed = {key: tuple(values) for key, values in options.items()}
        _refuse_several(typed)
        if kind == "architecture":
            part = load_task(on) if on else None
            variant = _architecture_variant(name, typed, part)
            messages = _architecture(variant, _trial(variant, part, typed, length) if part else None)
        elif on:
            raise UsageError(f"--on tries an architecture on a task, and {name!r} is a task.")
        else:
            messages = _task(_task_variant(name, typed))
    except HarnessError as error:
        yield {"refused": str(error)}
        return
    yield from messages


def _architecture(variant: ArchitectureVariant, trial: Trial | None) -> Iterator[dict[str, Any]]:
    contract = ArchitectureContract()
    if HIDDEN_SIZE in variant.asked:
        setattr(contract, HIDDEN_SIZE, variant.hidden_size)

    def make(input_size: int, hidden_size: int) -> torch.nn.Module:
        return variant.composition.build(input_size, hidden_size, variant.options, _LONGEST)

    names = checks(type(contract))
    promises = [promise_of(type(contract), check) for check in names]
    yield _begun("architecture", [*promises, trial.promise] if trial else promises)
    for index, check in enumerate(names):
        finding = examine(contract, check, make)
        yield {"found": asdict(finding)}
        if index == 0 and finding.status == "broken":  # what cannot be built cannot be asked for more
            return
    if trial:
        yield {"found": asdict(trial.finding())}


def _trial(variant: ArchitectureVariant, part: Part, typed: Typed, length: int | None) -> Trial:
    """The architecture on a task with its options, at the task's longest usual length where none is given."""
    options = next(task_variants(part, typed)).options
    task = make_task(part, options)
    length = length or max(task.default_lengths)
    try:
        task.refuse_length(length)
    except ValueError as error:
        raise UsageError(f"{part.name}: {error}.") from None
    spec = RunSpec(
        variant.name,
        part.typed,
        length,
        architecture_options=variant.options,
        task_options=options,
        hidden_size=variant.hidden_size,
        embedding=embedding_of(task.inputs, None),
        label=variant.label,
        task_label=part.name,
    )
    return Trial(spec, task)


def _task(variant: TaskVariant) -> Iterator[dict[str, Any]]:
    contract, names = TaskContract(), checks(TaskContract)
    yield _begun("task", [_MADE, *(promise_of(TaskContract, check) for check in names)])
    try:
        task = make_task(variant.part, variant.options)
    except (Exception, SystemExit) as error:
        said = str(error) if isinstance(error, HarnessError) else describe_error(error)
        yield {"found": asdict(Finding(_MADE.name, "broken", said))}
        return
    yield {"found": asdict(Finding(_MADE.name, "kept"))}
    yield from ({"found": asdict(examine(contract, check, task))} for check in names)


def _begun(kind: str, promises: list[Promise]) -> dict[str, Any]:
    return {"kind": kind, "promises": [asdict(promise) for promise in promises]}


def _architecture_variant(name: str, typed: Typed, task: Part | None) -> ArchitectureVariant:
    """The architecture, loaded, with every option resolved; an option may be the task's instead."""
    composition = compose(name)
    refuse_unknown_options([composition], [task] if task else [], typed)
    return next(architecture_variants(composition, typed))


def _task_variant(name: str, typed: Typed) -> TaskVariant:
    """The task, loaded, with every option resolved."""
    part = load_task(name)
    refuse_unknown_options([], [part], typed)
    return next(task_variants(part, typed))


def _refuse_several(typed: Typed) -> None:
    for key, values in typed.items():
        if len(values) > 1:
            raise UsageError(f"One {key} at a time is checked, got {', '.join(values)}.")
