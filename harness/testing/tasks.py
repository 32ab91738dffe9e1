"""The promises of a task as tests: subclass `TaskContract` and override the fixture `task`.

    class TestMine(TaskContract):
        @pytest.fixture
        def task(self):
            return MyTask()

Each test is a check of its own too: it takes the task, and raises AssertionError saying what was promised and what was
seen.
"""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Iterator
from itertools import combinations
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from harness.seeds import derive_seed
from harness.task import Batch, Classes, Task, Tokens, Vectors
from harness.testing._memoryless import memoryless
from harness.testing._probes import require


class TaskContract:
    """Override the fixture `task`; the class attributes where a task needs other lengths or more sequences."""

    lengths: ClassVar[tuple[int, int]] = (20, 50)  # a shorter and a longer one
    rows: ClassVar[int] = 2000  # sequences behind an estimate of chance, twice
    unfitted_chance: ClassVar[float] = 0.0  # how much of chance the fitted predictor cannot reach; say why

    @pytest.fixture
    def task(self) -> Task:
        raise NotImplementedError("override the fixture `task`: return an instance of your task")

    def test_same_seed_gives_the_same_batch(self, task: Task) -> None:
        for length in self.lengths:
            same = _same(_draw(task, length), _draw(task, length))
            require(same, "the same generator state must give the same batch: draw from the generator given alone")

    def test_another_seed_gives_another_batch(self, task: Task) -> None:
        generator = _generator(0)
        first, second = (task.sample(generator, 8, self.lengths[1]) for _ in range(2))
        require(not _same(first, second), "drawing again must give another batch; the generator was not moved on")
        other = _draw(task, self.lengths[1], seed=1)
        require(not _same(first, other), "another seed must give another batch; the generator was not used")

    def test_global_generators_are_left_alone(self, task: Task) -> None:
        before = _global_states()
        _draw(task, self.lengths[0])
        alone = _global_states() == before
        require(alone, "sampling must leave the global generators of torch, numpy and random alone; it moved one")

    def test_inputs_are_what_is_declared(self, task: Task) -> None:
        for rows, length in self._sizes(task):
            inputs = _draw(task, length, rows).inputs
            broken = _unfit(inputs, task.inputs, (rows, *inputs.shape[1:2]))
            require(not broken, f"inputs must be {task.inputs}, int64 symbols or float32 vectors; {broken}")

    def test_targets_are_what_is_declared(self, task: Task) -> None:
        for rows, length in self._sizes(task):
            batch = _draw(task, length, rows)
            steps = 1 if task.readout == "last" else batch.inputs.shape[1]
            broken = _unfit(batch.targets, task.targets, (rows, steps))
            require(not broken, f"targets must be {task.targets} at {steps} steps (readout {task.readout!r}); {broken}")

    def test_lengths_are_on_the_cpu_and_within_the_batch(self, task: Task) -> None:
        for rows, length in self._sizes(task):
            batch = _draw(task, length, rows)
            if batch.lengths is None:
                continue
            fits = batch.lengths.dtype == torch.int64 and batch.lengths.shape == (rows,)
            seen = f"got {batch.lengths.dtype} {tuple(batch.lengths.shape)} on {batch.lengths.device}"
            require(fits and batch.lengths.device.type == "cpu", f"lengths must be int64 ({rows},) on the CPU; {seen}")
            low, high, time = int(batch.lengths.min()), int(batch.lengths.max()), batch.inputs.shape[1]
            require(low >= 1 and high <= time, f"lengths must lie in 1 .. {time}, the steps; they go {low} .. {high}")

    def test_masks_lie_inside_the_lengths_and_are_never_empty(self, task: Task) -> None:
        for rows, length in self._sizes(task):
            batch = _draw(task, length, rows)
            for name in ("mask", "loss_mask"):
                mask = getattr(batch, name)
                broken = "" if name == "loss_mask" and mask is None else _unfit_mask(mask, batch)
                require(not broken, f"{name} must be bool (batch, time) and hold a valid step of every row; {broken}")

    def test_starts_mark_rows(self, task: Task) -> None:
        for rows, length in self._sizes(task):
            starts = _draw(task, length, rows).starts
            fits = starts is None or (starts.dtype == torch.bool and starts.shape == (rows,))
            require(fits, f"starts must be None or bool ({rows},), a mark for each row that begins anew")

    def test_targets_vary(self, task: Task) -> None:
        for length in self.lengths:
            batch = _draw(task, length, 64)
            scored = batch.targets[batch.mask]
            varied = bool((scored != scored[:1]).any())
            require(varied, f"the scored targets must vary, in 64 sequences of length {length} they are all the same")

    def test_longer_lengths_give_longer_sequences(self, task: Task) -> None:
        shorter, longer = (_draw(task, length).inputs.shape[1] for length in self.lengths)
        seen = f"lengths {self.lengths} give {shorter} and {longer} steps"
        require(shorter < longer, f"a longer length must give longer sequences; {seen}")

    def test_splits_share_no_sequence(self, task: Task) -> None:
        length = self.lengths[1]
        drawn = {split: _sequences(task, length, split) for split in ("train", "validation", "test")}
        for one, other in combinations(drawn, 2):
            shared = len(drawn[one] & drawn[other])
            seen = f"at length {length} {shared} sequences are in both {one} and {other}"
            require(not shared, f"splits must share no sequence, so draw from a larger space; {seen}")

    def test_chance_is_a_share_below_solved_at(self, task: Task) -> None:
        for length in (task.min_length, *task.default_lengths, *self.lengths):
            if length >= task.min_length:
                chance = task.chance(length)
                seen = f"chance({length})={chance} and solved_at={task.solved_at}"
                require(0 <= chance < task.solved_at <= 1, f"0 <= chance < solved_at <= 1 must hold, got {seen}")

    def test_chance_is_what_the_best_predictor_without_memory_reaches(self, task: Task) -> None:
        for length in self.lengths:
            found, chance = memoryless(task, length, self.rows), task.chance(length)
            room = 4 * found.error + 0.002
            seen = f"the current input alone gives {found.accuracy:.4f} +- {found.error:.4f} at length {length}"
            beaten = found.accuracy > chance + room
            require(not beaten, f"a predictor without memory must not beat chance={chance:.4f}; {seen}")
            reached = chance <= found.accuracy + room + self.unfitted_chance
            require(reached, f"chance={chance:.4f} must be reached without memory; {seen}")

    def test_needs_causal_exactly_when_the_next_input_helps(self, task: Task) -> None:
        if task.readout == "last" or not isinstance(task.inputs, Tokens):
            pytest.skip("only symbols with an answer at each step are looked up one step ahead")
        now, next_too = (memoryless(task, self.lengths[0], self.rows, ahead=ahead) for ahead in (False, True))
        helps = next_too.accuracy - now.accuracy > 4 * math.hypot(now.error, next_too.error) + 0.002
        seen = f"accuracy without memory is {now.accuracy:.3f}, and {next_too.accuracy:.3f} with the next input known"
        refused = "needs_causal refuses architectures that look ahead, and looking ahead must help them"
        if task.needs_causal:
            require(helps, f"{refused}; {seen}")
        else:
            require(not helps, f"the next input must not give answers away, or needs_causal be True; {seen}")

    def _sizes(self, task: Task) -> Iterator[tuple[int, int]]:
        """Rows and lengths to look at."""
        yield 1, task.min_length
        yield from ((16, length) for length in self.lengths)


def _generator(seed: int, *purpose: str | int) -> Generator:
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))


def _draw(task: Task, length: int, rows: int = 8, seed: int = 0) -> Batch:
    return task.sample(_generator(seed), rows, length)


def _same(one: Batch, other: Batch) -> bool:
    """Whether two batches are equal in every part."""
    pairs = zip(one, other, strict=True)
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


def _global_states() -> bytes:
    return pickle.dumps((torch.get_rng_state().tolist(), np.random.get_state(), random.getstate()))


def _sequences(task: Task, length: int, split: str) -> set[tuple[float, ...]]:
    """The sequences of the first batches of a split."""
    batches = [task.sample(_generator(0, "data", split, length, index), 32, length) for index in range(4)]
    return {tuple(row.flatten().tolist()) for batch in batches for row in batch.inputs}


def _unfit(values: Tensor, declared: Tokens | Vectors | Classes, leading: tuple[int, ...]) -> str:
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


def _unfit_mask(mask: Tensor, batch: Batch) -> str:
    """What is wrong with a mask, '' if nothing."""
    if mask.dtype != torch.bool or mask.shape != batch.targets.shape[:2]:
        return f"got {mask.dtype} {tuple(mask.shape)}"
    if not mask.any(dim=1).all():
        return "a row is empty"
    if batch.lengths is None or mask.shape[1] < batch.inputs.shape[1]:
        return ""
    outside = (mask & (torch.arange(mask.shape[1]) >= batch.lengths[:, None])).sum()
    return f"{outside} steps are beyond the row's length" if outside else ""
