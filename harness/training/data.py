"""The batches of a run: which sequences, of which lengths, in which order, on which device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import torch
from torch import Tensor

from harness.spec import RunSpec
from harness.task import Batch, Split, Task
from harness.training.batch_check import refuse_malformed
from harness.training.seeds import derive_seed


def batches(task: Task, seed: int, split: Split, length: int | range, sizes: Iterable[int]) -> Iterator[Batch]:
    """One batch of a split of each size; of a range of lengths each batch has one, drawn uniformly.

    They depend on the task, the seed and the length only: every architecture sees the same batches.
    """
    generator = torch.Generator()
    for index, size in enumerate(sizes):
        generator.manual_seed(derive_seed(seed, "data", split, _purpose(length), index))
        batch = task.sample_from(split, generator, size, _one_of(length, generator))
        refuse_malformed(batch, task)
        yield batch


class TrainingSet:
    """A fixed number of training sequences, drawn by the data seed: the same for every architecture.

    Of a range of lengths the set consists of batches of one length each; sequences are reshuffled within a batch, and
    the batches among themselves. An epoch leaves out what does not fill a batch, so that all batches have one size.
    """

    def __init__(self, task: Task, spec: RunSpec) -> None:
        self.seed, self.batch_size = spec.seed, min(spec.batch_size, spec.train_sequences)
        one_length = len(spec.trained) == 1
        part = spec.train_sequences if one_length else self.batch_size
        sizes = [part] * (spec.train_sequences // part)
        self.parts = list(batches(task, spec.seed, "train", spec.trained, sizes))

    def epochs(self) -> Iterator[Batch]:
        """Batches without end."""
        for epoch in count():
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "data", "epoch", epoch))
            for index in torch.randperm(len(self.parts), generator=generator).tolist():
                part = self.parts[index]
                rows = torch.randperm(len(part.inputs), generator=generator)
                for chosen in torch.split(rows, self.batch_size):
                    if len(chosen) == self.batch_size:
                        yield rows_of(part, chosen)

    def first(self, sequences: int) -> Iterator[Batch]:
        """Up to so many of its sequences, always the same, in batches."""
        for part in self.parts:
            for chosen in torch.split(torch.arange(min(sequences, len(part.inputs))), self.batch_size):
                yield rows_of(part, chosen)
            sequences -= len(part.inputs)
            if sequences <= 0:
                return


def rows_of(batch: Batch, chosen: Tensor) -> Batch:
    """Some rows of a batch."""
    return batch._replace(**{name: part[chosen] for name, part in batch._asdict().items() if part is not None})


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
