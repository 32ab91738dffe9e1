"""What a sweep would do, without doing it: what is done, what is refused, how long the rest may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from harness.architecture import CellArchitecture
from harness.process.guarded import ending_new_children
from harness.run import outcome
from harness.spec import RunSpec
from harness.task import Task
from harness.training.build import build_model, build_task, time_steps
from harness.training.data import batches
from harness.training.device import computing
from harness.training.execution import kernel, refuse_execution
from harness.training.loops.used import STEP_BY_STEP, forget
from harness.training.model import state_size
from harness.training.precision import refuse_precision
from harness.training.sanity import probe_batch, refuse_unfit
from harness.training.step import TrainingStep

_STEPS = 3  # timed, after one that is not
_WORTH_IT = 1.3  # times as fast: below, a compiled loop is not worth a word
_EVALUATION = 1.1  # validation and test cost about a tenth of the training at the default settings


@dataclass(frozen=True)
class Preview:
    """One architecture on one task."""

    task_label: str
    label: str
    planned: int
    done: int
    trouble: str  # why its runs would be refused or fail; '' if they would not
    seconds: float  # of training left, at most: solved runs end sooner
    hidden_sizes: tuple[int, ...]  # several where they were solved for each length
    parameters: int | None  # of the model at the shortest length; None: it could not be built
    state_size: int | None = None  # numbers that it carries for one sequence; None: not known
    compiled: float | None = None  # times as fast with --execution compile; None: not, or it cannot be


@ending_new_children()
def preview(runs: list[RunSpec], done: set[str], device: torch.device) -> list[Preview]:
    """One for each architecture and task, in the order of the plan; `done` holds identities."""
    groups: dict[tuple[str, str], list[RunSpec]] = {}
    for spec in runs:
        groups.setdefault((spec.task_label, spec.label), []).append(spec)
    return [_preview(task, label, specs, done, device) for (task, label), specs in groups.items()]


def _preview(task: str, label: str, specs: list[RunSpec], done: set[str], device: torch.device) -> Preview:
    left = [spec for spec in specs if spec.identity not in done]
    shortest = min(specs, key=lambda spec: spec.length)
    sizes = tuple(sorted({spec.hidden_size for spec in specs}))
    ended = len(specs) - len(left)
    try:
        with computing(device):
            pace, parameters, state = _measured(shortest, device)
            compiled = _gain(shortest, device, pace)
            made = build_task(shortest.task, shortest.task_options)
            fed = {length: time_steps(made, length) for length in set(map(_mean_length, left))}
            fed = {length: min(steps, shortest.tbptt or steps) for length, steps in fed.items()}
    except (Exception, SystemExit) as error:
        return Preview(task, label, len(specs), ended, ": ".join(outcome(error)), 0.0, sizes, None)
    seconds = _EVALUATION * pace * sum(spec.steps * fed[_mean_length(spec)] for spec in left)
    return Preview(task, label, len(specs), ended, "", seconds, sizes, parameters, state, compiled)


def _measured(spec: RunSpec, device: torch.device) -> tuple[float, int, int | None]:
    """Seconds that one time step of one training step costs (cost is linear in the length), parameters, state size."""
    refuse_precision(spec.precision, device)
    refuse_execution(spec, device)
    task = build_task(spec.task, spec.task_options)
    model = build_model(spec, task).to(device)
    probe = probe_batch(task, spec, device)
    refuse_unfit(model, task, spec, probe)
    with torch.no_grad():
        state = state_size(model(probe.inputs, probe.lengths)[1])
    pace = _pace(TrainingStep(model, spec, device), task)
    return pace, sum(parameter.numel() for parameter in model.parameters()), state


def _gain(spec: RunSpec, device: torch.device, pace: float) -> float | None:
    """How many times as fast a generated loop is, for cells on a CPU; None where one is asked for or gains nothing."""
    if spec.execution != "eager" or device.type != "cpu":
        return None
    task = build_task(spec.task, spec.task_options)
    model = build_model(spec, task)
    if not any(isinstance(module, CellArchitecture) for module in model.modules()):
        return None
    step = TrainingStep(model, replace(spec, execution="compile"), device)
    gain = pace / _pace(step, task)
    return gain if gain >= _WORTH_IT and STEP_BY_STEP not in kernel(step.spec, device) else None


def _pace(step: TrainingStep, task: Task) -> float:
    """Seconds that one time step of one training step costs."""
    spec, device, begun = step.spec, step.device, 0.0
    forget()
    for number, batch in enumerate(batches(task, spec.seed, "probe", spec.length, [spec.batch_size] * (_STEPS + 1))):
        if number == 1:
            begun = _now(device)
        step(batch)
    return (_now(device) - begun) / _STEPS / time_steps(task, spec.length)


def _mean_length(spec: RunSpec) -> int:
    return (spec.trained[0] + spec.length) // 2


def _now(device: torch.device) -> float:
    """Seconds on a clock, read when the device has done all it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter()
