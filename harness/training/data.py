"""The batches of a run: which sequences, in which order, on which device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from harness.task import Batch, Split, Task
from harness.training.seeds import derive_seed


def batches(task: Task, seed: int, split: Split, length: int, sizes: Iterable[int]) -> Iterator[Batch]:
    """One batch of a split of each size; the architecture has no say: every one sees the same batches at one seed."""
    generator = torch.Generator()
    for index, size in enumerate(sizes):
        generator.manual_seed(derive_seed(seed, "data", split, length, index))
        yield task.sample_from(split, generator, size, length)


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
