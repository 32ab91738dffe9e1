"""What the task contract measures with: batches drawn, compared, and held against what is declared."""

from __future__ import annotations

import pickle
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from harness.architecture import Architecture, State
from harness.task import Batch, Classes, Split, Task, Tokens, Vectors
from harness.testing._probes import require
from harness.training.model import Model
from harness.training.seeds import derive_seed


def generator_of(seed: int, *purpose: str | int) -> Generator:
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))


def draw(task: Task, length: int, rows: int = 8, seed: int = 0) -> Batch:
    batch = task.sample(generator_of(seed), rows, length)
    require(isinstance(batch, Batch), f"sample must return a harness.Batch, got {type(batch).__name__}")
    return batch


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches are equal in every part."""
    pairs = zip(one, other, strict=True)
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


def global_states() -> bytes:
    return pickle.dumps((torch.get_rng_state().tolist(), np.random.get_state(), random.getstate()))


def sequences(task: Task, length: int, split: Split) -> set[tuple[float, ...]]:
    """The sequences of the first batches of a split."""
    generators = [generator_of(0, "data", split, length, index) for index in range(4)]
    batches = [task.sample_from(split, generator, 32, length) for generator in generators]
    return {tuple(row.flatten().tolist()) for batch in batches for row in batch.inputs}


def unfit(values: Tensor, declared: Tokens | Vectors | Classes, leading: tuple[int, ...]) -> str:
    """What is wrong with inputs or targets, '' if nothing."""
    last = {Tokens: (), Vectors: (declared.size,)}.get(type(declared), ())
    if isinstance(declared, Classes) and declared.entries > 1:
        last = (declared.entries,)
    if tuple(values.shape) != (*leading, *last):
        return f"the shape must be {(*leading, *last)}, got {tuple(values.shape)}"
    dtype = torch.float32 if isinstance(declared, Vectors) else torch.int64
    if values.dtype != dtype:
        return f"got {values.dtype}"
    if isinstance(declared, Vectors):
        return "" if values.isfinite().all() else "got NaN or Inf"
    low, high = int(values.min()), int(values.max())
    return "" if low >= 0 and high < declared.size else f"got {low} .. {high}"


def unfit_mask(mask: Tensor, batch: Batch) -> str:
    """What is wrong with a mask, '' if nothing."""
    if mask.dtype != torch.bool or mask.shape != batch.targets.shape[:2]:
        return f"got {mask.dtype} {tuple(mask.shape)}"
    if not mask.any(dim=1).all():
        return "a row is empty"
    if batch.lengths is None or mask.shape[1] < batch.inputs.shape[1]:
        return ""
    outside = (mask & (torch.arange(mask.shape[1]) >= batch.lengths[:, None])).sum()
    return f"{outside} steps are beyond the row's length" if outside else ""


def score(task: Task, batch: Batch, answers: Tensor) -> float:
    """The accuracy of answers given in the form of targets, by the metric that models are measured with."""
    require(
        answers.shape == batch.targets.shape, f"answers must have the shape {tuple(batch.targets.shape)} of targets"
    )
    with torch.no_grad():
        sums = _Told(task, answers).sums(batch._replace(fed=None))
    return sums.exact / sums.rows if task.accuracy_over == "sequences" else sums.right / sums.entries


class _Told(Model):
    """A model that gives the answers it was told."""

    def __init__(self, task: Task, answers: Tensor) -> None:
        super().__init__(Architecture(1, 1), task)
        self.answers = answers

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, state: State = None) -> tuple[Tensor, State]:
        if isinstance(self.targets, Vectors):
            return self.answers, None
        entries = self.answers.reshape(*self.answers.shape[:2], self.targets.entries)
        return F.one_hot(entries, self.targets.size).float(), None
