"""Metrics on held-out sequences, and where those sequences come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields

import torch
from torch import Tensor

from harness.errors import Refused
from harness.record import Scores
from harness.task import Batch, Classes, Split, Task
from harness.training.model import Model, Sums
from harness.training.seeds import derive_seed

_TOKENS_AT_ONCE = 50_000  # bounds the memory of an evaluation batch


def batches(task: Task, seed: int, split: Split, length: int, sizes: Iterable[int]) -> Iterator[Batch]:
    """One batch of a split of each size; the architecture has no say: every one sees the same batches at one seed."""
    generator = torch.Generator()
    for index, size in enumerate(sizes):
        generator.manual_seed(derive_seed(seed, "data", split, length, index))
        yield task.sample_from(split, generator, size, length)


def evaluate(
    model: Model,
    task: Task,
    seed: int,
    split: Split,
    length: int,
    sequences: int,
    device: torch.device,
    precision: str = "32",
) -> Scores:
    """Scores over exactly `sequences` sequences of a split; leaves the model in the mode it was in."""
    size = max(1, min(sequences, 250, _TOKENS_AT_ONCE // length))
    whole, rest = divmod(sequences, size)
    was_training = model.training
    model.eval()
    with torch.no_grad(), arithmetic(device, precision):
        stream = batches(task, seed, split, length, [size] * whole + [rest] * (rest > 0))
        totals = [model.sums(to_device(batch, device)) for batch in stream]
    model.train(was_training)
    return _scores(totals, isinstance(task.targets, Classes))


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """That of Lightning's training steps; for "64" the model itself is of another type."""
    mixed = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    return torch.autocast(device.type, dtype=mixed, cache_enabled=False) if mixed else nullcontext()


def refuse_precision(precision: str, device: torch.device) -> None:
    """Raises Refused where a device cannot compute at a precision."""
    if precision == "16-mixed" and device.type != "cuda":
        raise Refused("16-mixed needs a CUDA GPU; on other devices there is bf16-mixed.")
    if precision == "64" and device.type == "mps":
        raise Refused("mps has no 64-bit numbers: --precision 32, or --device cpu.")


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device; `lengths` stay on the CPU, where torch's packing wants them."""
    if device.type == "cpu":
        return batch
    parts = batch._replace(lengths=None)._asdict()
    moved: dict[str, Tensor] = {name: _moved(part, device) for name, part in parts.items() if part is not None}
    return batch._replace(**moved)


def _moved(part: Tensor, device: torch.device) -> Tensor:
    """From pinned memory CUDA copies while this process makes the next batch; other memory it would wait for."""
    return (part.pin_memory() if device.type == "cuda" else part).to(device, non_blocking=True)


def _scores(totals: list[Sums], classes: bool) -> Scores:
    total = Sums(*(sum(getattr(sums, f.name) for sums in totals) for f in fields(Sums)))
    bits = total.nats / total.entries / math.log(2) if classes else None
    return Scores(total.right / total.entries, total.loss / total.loss_steps, total.exact / total.rows, bits)
