"""What the task contract asks about lengths, symbols, and what a memory holds."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.task import Batch, Classes, Task, Tokens


def refusal(task: Task, length: int) -> str:
    """Why the task refuses a length, '' if it takes it."""
    try:
        task.refuse_length(length)
    except ValueError as error:
        return str(error) or "refused without a reason"
    return ""


def taken_from(task: Task, least: int) -> int:
    """The first length from `least` on that the task takes; `least` itself where it takes none nearby."""
    return next((length for length in range(least, 2 * least + 1) if not refusal(task, length)), least)


def symbol_counts(task: Task) -> dict[str, int]:
    """How many texts each of the task's lists of symbols must hold where it holds any."""
    inputs, targets = task.inputs, task.targets
    return {
        "input_symbols": inputs.size if isinstance(inputs, Tokens) else 0,
        "target_symbols": targets.size if isinstance(targets, Classes) else 0,
        "entry_symbols": targets.entries if isinstance(targets, Classes) else 0,
    }


def unfit_remembered(held: Tensor, batch: Batch) -> str:
    """What is wrong with what a task remembers of a batch, '' if nothing."""
    rows, steps = batch.inputs.shape[:2]
    if held.dtype != torch.int64 or held.dim() not in (2, 3) or tuple(held.shape[:2]) != (rows, steps):
        return f"got {held.dtype} {tuple(held.shape)} for {rows} rows of {steps} steps"
    if held.numel() == 0 or int(held.min()) < -1:
        return f"got {int(held.min())}" if held.numel() else "it holds no items"
    if int(held.max()) < 0:
        return "nothing is asked at any step"
    if batch.lengths is None:
        return ""
    outside = torch.arange(steps) >= batch.lengths[:, None]
    return "classes stand beyond a row's length" if bool((held[outside] >= 0).any()) else ""


def unfit_feature(feature: Tensor, batch: Batch) -> str:
    """What is wrong with a feature, '' if nothing."""
    if feature.dtype != torch.float32 or feature.shape != batch.inputs.shape[:2]:
        return f"got {feature.dtype} {tuple(feature.shape)}"
    return "" if bool(feature.isfinite().all()) else "got NaN or Inf"


def unlike_after(batch: Batch, held: Tensor | None, steps: int) -> int:
    """Rows whose first `steps` inputs are those of another row, and that remember something else after them."""
    if held is None:
        return 0
    group = torch.unique(batch.inputs[:, :steps], dim=0, return_inverse=True)[1]
    after = held[:, steps - 1].reshape(len(held), -1)
    first = torch.empty_like(after)
    first[group] = after  # one row of each group
    return int((first[group] != after).any(dim=1).sum())
