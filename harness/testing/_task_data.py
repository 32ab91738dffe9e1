"""The promises of a task about its batches, as tests: what `sample` returns, and from which random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import ClassVar

import pytest
import torch

from harness.task import Task
from harness.testing._batches import draw, generator_of, global_states, same, sequences, unfit, unfit_mask
from harness.testing._held import taken_from
from harness.testing._probes import require


class DataPromises:
    """Has `lengths` and the fixture `task`, which `TaskContract` shows to those who subclass it."""

    lengths: ClassVar[tuple[int, int]] = (20, 50)  # a shorter and a longer one

    @pytest.fixture
    def task(self) -> Task:
        raise NotImplementedError("override the fixture `task`: return an instance of your task")

    def test_same_seed_gives_the_same_batch(self, task: Task) -> None:
        """The same state of the generator gives the same batch.

        Way out: pass `generator=generator` to every function of torch's that draws.
        """
        for length in self._lengths(task):
            again = same(draw(task, length), draw(task, length))
            require(again, "the same generator state must give the same batch: draw from the generator given alone")

    def test_another_seed_gives_another_batch(self, task: Task) -> None:
        """Another seed gives another batch, and so does drawing again from the same generator.

        Way out: use the generator given, and make no other one inside `sample`.
        """
        generator = generator_of(0)
        first, second = (task.sample(generator, 8, self._lengths(task)[1]) for _ in range(2))
        require(not same(first, second), "drawing again must give another batch; the generator was not moved on")
        other = draw(task, self._lengths(task)[1], seed=1)
        require(not same(first, other), "another seed must give another batch; the generator was not used")

    def test_global_generators_are_left_alone(self, task: Task) -> None:
        """Sampling draws nothing from the global generators of torch, numpy and Python.

        Way out: pass `generator=generator`, and use torch's functions in place of `random` and `numpy.random`.
        """
        before = global_states()
        draw(task, self._lengths(task)[0])
        alone = global_states() == before
        require(alone, "sampling must leave the global generators of torch, numpy and random alone; it moved one")

    def test_inputs_are_what_is_declared(self, task: Task) -> None:
        """Inputs have the shape, the type and the range that `inputs` declares.

        Way out: `Tokens(n)` means int64 symbols 0 .. n-1 of shape (batch, time), `Vectors(d)` float32 (batch, time, d).
        """
        for rows, length in self._sizes(task):
            inputs = draw(task, length, rows).inputs
            broken = unfit(inputs, task.inputs, (rows, *inputs.shape[1:2]))
            require(not broken, f"inputs must be {task.inputs}, int64 symbols or float32 vectors; {broken}")

    def test_targets_are_what_is_declared(self, task: Task) -> None:
        """Targets have the shape, the type and the range that `targets` declares, at one step if `readout` is "last".

        Way out: `Classes(n)` means int64 0 .. n-1 of shape (batch, time), `Vectors(d)` float32 (batch, time, d).
        """
        for rows, length in self._sizes(task):
            batch = draw(task, length, rows)
            steps = 1 if task.readout == "last" else batch.inputs.shape[1]
            broken = unfit(batch.targets, task.targets, (rows, steps))
            require(not broken, f"targets must be {task.targets} at {steps} steps (readout {task.readout!r}); {broken}")

    def test_lengths_are_on_the_cpu_and_within_the_batch(self, task: Task) -> None:
        """`lengths` is None, or int64 (batch,) on the CPU, each from 1 to the number of steps.

        Way out: leave `lengths` out where all rows are of one length.
        """
        for rows, length in self._sizes(task):
            batch = draw(task, length, rows)
            if batch.lengths is None:
                continue
            fits = batch.lengths.dtype == torch.int64 and batch.lengths.shape == (rows,)
            seen = f"got {batch.lengths.dtype} {tuple(batch.lengths.shape)} on {batch.lengths.device}"
            require(fits and batch.lengths.device.type == "cpu", f"lengths must be int64 ({rows},) on the CPU; {seen}")
            low, high, time = int(batch.lengths.min()), int(batch.lengths.max()), batch.inputs.shape[1]
            require(low >= 1 and high <= time, f"lengths must lie in 1 .. {time}, the steps; they go {low} .. {high}")

    def test_masks_lie_inside_the_lengths_and_are_never_empty(self, task: Task) -> None:
        """`mask`, and `loss_mask` where given, is bool, marks a step of every row, and none beyond the row's end.

        Way out: mark the steps whose answer needs memory; draw again where a row has none.
        """
        for rows, length in self._sizes(task):
            batch = draw(task, length, rows)
            for name in ("mask", "loss_mask"):
                mask = getattr(batch, name)
                broken = "" if name == "loss_mask" and mask is None else unfit_mask(mask, batch)
                require(not broken, f"{name} must be bool (batch, time) and hold a valid step of every row; {broken}")

    def test_starts_mark_rows(self, task: Task) -> None:
        """`starts` is None, or bool (batch,).

        Way out: leave `starts` out unless batches continue each other.
        """
        for rows, length in self._sizes(task):
            starts = draw(task, length, rows).starts
            fits = starts is None or (starts.dtype == torch.bool and starts.shape == (rows,))
            require(fits, f"starts must be None or bool ({rows},), a mark for each row that begins anew")

    def test_targets_vary(self, task: Task) -> None:
        """The scored targets are not all the same.

        Way out: look at what is drawn; a constant answer would be right always.
        """
        for length in self._lengths(task):
            batch = draw(task, length, 64)
            scored = batch.targets[batch.mask]
            varied = bool((scored != scored[:1]).any())
            require(varied, f"the scored targets must vary, in 64 sequences of length {length} they are all the same")

    def test_longer_lengths_give_longer_sequences(self, task: Task) -> None:
        """A longer `length` gives longer sequences.

        Way out: make the number of steps grow with `length`.
        """
        shorter, longer = (draw(task, length).inputs.shape[1] for length in self._lengths(task))
        seen = f"lengths {self._lengths(task)} give {shorter} and {longer} steps"
        require(shorter < longer, f"a longer length must give longer sequences; {seen}")

    def test_splits_share_no_sequence(self, task: Task) -> None:
        """No sequence is in two of training, validation and test data.

        Way out: draw from a larger space: more symbols, or numbers that are real.
        """
        if task.few_sequences:
            pytest.skip("the task says that few sequences exist at a length (`few_sequences`)")
        length = self._lengths(task)[1]
        drawn = {split: sequences(task, length, split) for split in ("train", "validation", "test")}
        for one, other in combinations(drawn, 2):
            shared = len(drawn[one] & drawn[other])
            seen = f"at length {length} {shared} sequences are in both {one} and {other}"
            require(not shared, f"splits must share no sequence, so draw from a larger space; {seen}")

    def _lengths(self, task: Task) -> tuple[int, int]:
        """A shorter and a longer length, moved up where the task begins later or takes only some."""
        more = max(0, task.min_length - self.lengths[0])
        shorter = taken_from(task, self.lengths[0] + more)
        return shorter, taken_from(task, max(self.lengths[1] + more, shorter + 1))

    def _sizes(self, task: Task) -> Iterator[tuple[int, int]]:
        """Rows and lengths to look at."""
        yield 1, task.min_length
        yield from ((16, length) for length in self._lengths(task))
