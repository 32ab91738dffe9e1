"""The batches of a run: which sequences, of which lengths, in which order, on which device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TypeGuard

import torch
from torch import Tensor

from harness.finite import FiniteTask
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
    """A fixed number of training sequences, chosen by the data seed: the same for every architecture.

    They are drawn once from a task that makes its own, or are those of a task over given data. Of a range of lengths
    the set consists of batches of one length each; sequences are reshuffled within a batch, and the batches among
    themselves. An epoch leaves out what does not fill a batch, so that all batches have one size.
    """

    def __init__(self, task: Task, spec: RunSpec) -> None:
        self.seed = spec.seed
        self.parts = _parts(task, spec)
        self.batch_size = min(spec.batch_size, *map(len, self.parts))

    def epochs(self) -> Iterator[Batch]:
        """Batches without end."""
        for epoch in count():
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "data", "epoch", epoch))
            for index in torch.randperm(len(self.parts), generator=generator).tolist():
                part = self.parts[index]
                rows = torch.randperm(len(part), generator=generator)
                for chosen in torch.split(rows, self.batch_size):
                    if len(chosen) == self.batch_size:
                        yield part.rows(chosen)

    def first(self, sequences: int) -> Iterator[Batch]:
        """Up to so many of its sequences, always the same, in batches."""
        for part in self.parts:
            for chosen in torch.split(torch.arange(min(sequences, len(part))), self.batch_size):
                yield part.rows(chosen)
            sequences -= len(part)
            if sequences <= 0:
                return


def training_set(task: Task, spec: RunSpec) -> TrainingSet | None:
    """The fixed training sequences of a run; None where each batch is new.

    On a range of lengths given data are drawn from, as any task is.
    """
    return TrainingSet(task, spec) if spec.train_sequences or _is_given(task, spec) else None


def _is_given(task: Task, spec: RunSpec) -> TypeGuard[FiniteTask]:
    return isinstance(task, FiniteTask) and len(spec.trained) == 1


class _Drawn:
    """Sequences that were made and are kept."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch.inputs)

    def rows(self, chosen: Tensor) -> Batch:
        return rows_of(self.batch, chosen)


class _Given:
    """Sequences of a task over given data, taken when they are needed."""

    def __init__(self, task: FiniteTask, split: Split, length: int, numbers: Tensor) -> None:
        self.task, self.split, self.length, self.numbers = task, split, length, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, chosen: Tensor) -> Batch:
        batch = self.task.take(self.split, self.length, self.numbers[chosen])
        refuse_malformed(batch, self.task)
        return without_padding(batch)


def _parts(task: Task, spec: RunSpec) -> Sequence[_Drawn | _Given]:
    if _is_given(task, spec):
        return [_numbered(task, spec.seed, "train", spec.length, spec.train_sequences)]
    one_length = len(spec.trained) == 1
    part = spec.train_sequences if one_length else min(spec.batch_size, spec.train_sequences)
    sizes = [part] * (spec.train_sequences // part)
    return [_Drawn(batch) for batch in batches(task, spec.seed, "train", spec.trained, sizes)]


def _numbered(task: FiniteTask, seed: int, split: Split, length: int, sequences: int) -> _Given:
    """So many sequences of a split, chosen by the data seed; all of them where they are fewer, or for 0."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "data", split, length))
    numbers = torch.randperm(task.count(split, length), generator=generator)
    return _Given(task, split, length, numbers[:sequences] if sequences else numbers)


def given_batches(task: FiniteTask, seed: int, split: Split, length: int, sequences: int, size: int) -> Iterator[Batch]:
    """Up to so many sequences of a split, each once, in batches of `size`."""
    part = _numbered(task, seed, split, length, sequences)
    for chosen in torch.split(torch.arange(len(part)), size):
        yield part.rows(chosen)


def without_padding(batch: Batch) -> Batch:
    """The batch without the steps that no row has."""
    if batch.lengths is None:
        return batch
    time, longest = batch.inputs.shape[1], int(batch.lengths.max())
    parts = batch._replace(lengths=None, starts=None)._asdict()
    cut = {name: part[:, :longest] for name, part in parts.items() if part is not None and part.shape[1] == time}
    return batch._replace(**cut)


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
