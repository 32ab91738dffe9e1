"""What a task returns from `sample`: every part must have the type that the task declares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.discovery.plugin_errors import defined_at
from harness.errors import PluginError
from harness.task import Batch, Classes, Task, Tokens

_WRITE = {torch.int64: ".long()", torch.float32: ".float()", torch.float64: ".double()", torch.bool: ".bool()"}


def refuse_malformed(batch: Any, task: Task) -> None:
    """Raises PluginError, which names the task, where a part of a batch is not what `harness.Batch` says.

    It costs microseconds and is called for every batch; values are for `harness check` to look at.
    """
    if not isinstance(batch, Batch):
        raise PluginError(f"{_sample(task)} returned {_seen(batch)}, not a harness.Batch.")
    real = torch.get_default_dtype()  # float32, and float64 within a run of that precision
    dtypes = {
        "inputs": torch.int64 if isinstance(task.inputs, Tokens) else real,
        "targets": torch.int64 if isinstance(task.targets, Classes) else real,
        "mask": torch.bool,
        "loss_mask": torch.bool,
        "lengths": torch.int64,
        "starts": torch.bool,
        "fed": torch.bool,
    }
    for name, dtype in dtypes.items():
        part = getattr(batch, name)
        if part is None and name in ("loss_mask", "lengths", "starts", "fed"):
            continue
        if not isinstance(part, Tensor) or part.dtype != dtype:
            way_out = f"torch.tensor({name}, dtype={dtype})"
            if isinstance(part, Tensor):
                way_out = f"{name}{_WRITE[dtype]}"
            raise PluginError(
                f"{_sample(task)} returned {name} as {_seen(part)}; it must be {_rule(name, dtype, task)}: "
                f"write {way_out}."
            )


def _rule(name: str, dtype: torch.dtype, task: Task) -> str:
    kind = str(dtype).removeprefix("torch.")
    if name in ("inputs", "targets"):
        return f"a tensor of {kind}, as {name} = {getattr(task, name)} declares"
    return f"a tensor of {kind}"


def _seen(part: Any) -> str:
    if isinstance(part, Tensor):
        return f"{str(part.dtype).removeprefix('torch.')} of shape {tuple(part.shape)}"
    return f"a {type(part).__name__}"


def _sample(task: Task) -> str:
    return f"{type(task).__name__}.sample ({defined_at(type(task))})"
