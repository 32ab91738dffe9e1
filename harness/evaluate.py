"""Metrics on held-out sequences, and where those sequences come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Literal

import torch

from harness.model import Model, Sums
from harness.record import Scores
from harness.seeds import derive_seed
from harness.task import Batch, Task

Split = Literal["train", "validation", "test", "probe"]
_TOKENS_AT_ONCE = 50_000  # bounds the memory of an evaluation batch


def batches(task: Task, seed: int, split: Split, length: int, count: int, batch_size: int) -> Iterator[Batch]:
    """`count` batches of a split; the architecture has no say, so every one sees the same batches at one seed."""
    generator = torch.Generator()
    for index in range(count):
        generator.manual_seed(derive_seed(seed, "data", split, length, index))
        yield task.sample(generator, batch_size, length)


def evaluate(
    model: Model, task: Task, seed: int, split: Split, length: int, sequences: int, device: torch.device
) -> Scores:
    """Scores over `sequences` sequences of a split; leaves the model in the mode it was in."""
    size = max(1, min(sequences, 250, _TOKENS_AT_ONCE // length))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        stream = batches(task, seed, split, length, -(-sequences // size), size)
        totals = [model.sums(to_device(batch, device)) for batch in stream]
    model.train(was_training)
    return _scores(totals)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device; `lengths` stay on the CPU, where torch's packing wants them."""
    if device.type == "cpu":
        return batch
    moved = {name: part.to(device, non_blocking=True) for name, part in batch._asdict().items() if part is not None}
    return batch._replace(**{**moved, "lengths": batch.lengths})


def _scores(totals: list[Sums]) -> Scores:
    total = Sums(*(sum(getattr(sums, f.name) for sums in totals) for f in fields(Sums)))
    return Scores(total.right / total.entries, total.loss / total.loss_steps, total.exact / total.rows)
