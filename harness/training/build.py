"""A run's task and its model, made from its spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from harness.discovery.compose import Part, build_architecture, load_task
from harness.discovery.options import arguments, resolve
from harness.errors import PluginError
from harness.process.rng import seed_all
from harness.process.state import preserve_state
from harness.record import Record
from harness.spec import RunSpec
from harness.task import Task
from harness.training.batch_check import refuse_malformed
from harness.training.compatibility import refuse_undeclared
from harness.training.frame import embedding_size
from harness.training.model import Model
from harness.training.seeds import derive_seed


def build_task(name: str, options: dict[str, Any]) -> Task:
    """The task of a name, with its options; a ValueError of its constructor refuses them."""
    return make_task(load_task(name), options)


def make_task(part: Part, options: Mapping[str, Any]) -> Task:
    """A task that is loaded, with its options; a ValueError of its constructor refuses them."""
    given = arguments(part.options, resolve(part.name, part.options, options))
    with preserve_state():
        task: Task = part.plugin(**given)
    refuse_undeclared(task)
    return task


def refuse_other_data(spec: RunSpec, task: Task) -> None:
    """Raises PluginError where what the task reads from outside is not what the run was planned with."""
    if spec.task_code and spec.task_data != task.data:
        raise PluginError(f"the data of {spec.task_label or spec.task} has changed since the run was planned.")


def build_model(spec: RunSpec, task: Task) -> Model:
    """The model of a spec, initialised from the spec's seed."""
    seed = derive_seed(spec.seed, "init")
    seed_all(seed)
    longest = time_steps(task, spec.longest)
    size = embedding_size(task.inputs, spec.embedding)
    architecture = build_architecture(spec.architecture, size, spec.hidden_size, spec.architecture_options, longest)
    if torch.initial_seed() != seed:  # its constructor has seeded torch, and the head would start alike at every seed
        seed_all(derive_seed(spec.seed, "init", "head"))
    return Model(architecture, task, spec.embedding)


def know_task(record: Record, task: Task) -> None:
    """Notes what the task says of a run, which holds whatever becomes of it."""
    record.solved_at, record.chance_is = task.solved_at, task.chance_is
    record.chances = {length: task.chance(length) for length in record.spec.tested}


def time_steps(task: Task, length: int) -> int:
    """Time steps of one sequence of a length, found by sampling one."""
    batch = task.sample(torch.Generator().manual_seed(0), 1, length)
    refuse_malformed(batch, task)
    return batch.inputs.shape[1]
