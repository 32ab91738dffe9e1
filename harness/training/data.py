"""The batches of a run: which sequences, of which lengths, in which order, on which device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from harness.task import Batch, Split, Task
from harness.training.seeds import derive_seed


def batches(task: Task, seed: int, split: Split, length: int | range, sizes: Iterable[int]) -> Iterator[Batch]:
    """One batch of a split of each size; of a range of lengths each batch has one, drawn uniformly.

    They depend on the task, the seed and the length only: every architecture sees the same batches.
    """
    generator = torch.Generator()
    for index, size in enumerate(sizes):
        generator.manual_seed(derive_seed(seed, "data", split, _purpose(length), index))
        yield task.sample_from(split, generator, size, _one_of(length, generator))


def _purpose(length: int | range) -> int | str:
    if isinstance(length, int):
        return length
    return length[0] if len(length) == 1 else f"{length[0]}..{length[-1]}"


def _one_of(length: int | range, generator: torch.Generator) -> int:
    if isinstance(length, int):
        return length
    if len(length) == 1:  # draws nothing
        return length[0]
    return int(torch.randint(length[0], length[-1] + 1, (), generator=generator))


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
