"""The promises of a task as tests: subclass `TaskContract` and override the fixture `task`.

    class TestMine(TaskContract):
        @pytest.fixture
        def task(self):
            return MyTask()

Each test is a check of its own too: it takes the task, and raises AssertionError saying what was promised and what was
seen. `check_task(task)` runs them all without pytest's runner, `harness check` in a process of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from typing import ClassVar

import pytest
import torch

from harness.task import Task, Tokens
from harness.testing._batches import draw, generator_of, global_states, same, score, sequences, unfit, unfit_mask
from harness.testing._held import refusal, symbol_counts, unfit_feature, unfit_remembered, unlike_after
from harness.testing._memoryless import memoryless
from harness.testing._probes import require
from harness.testing.findings import Finding, findings, require_something_checked


class TaskContract:
    """Override the fixture `task`; the class attributes where a task needs other lengths or more sequences."""

    lengths: ClassVar[tuple[int, int]] = (20, 50)  # a shorter and a longer one
    rows: ClassVar[int] = 2000  # sequences behind an estimate of chance, twice
    unfitted_chance: ClassVar[float] = 0.0  # how much of chance the fitted predictor cannot reach; say why

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

    def test_chance_is_a_share_below_solved_at(self, task: Task) -> None:
        """0 <= chance < solved_at <= 1 at every length.

        Way out: return chance as a share, 0.125 and not 12.5, and set `solved_at` above it.
        """
        for length in (task.min_length, *task.default_lengths, *self._lengths(task)):
            chance = task.chance(length)
            seen = f"chance({length})={chance} and solved_at={task.solved_at}"
            require(0 <= chance < task.solved_at <= 1, f"0 <= chance < solved_at <= 1 must hold, got {seen}")

    def test_chance_is_what_the_best_predictor_without_memory_reaches(self, task: Task) -> None:
        """A simulation confirms `chance`: the most frequent answer to the current input is right that often.

        Way out: correct `chance`, or `mask` steps out whose answer can be read off their own input.
        """
        for length in self._lengths(task):
            found, chance = memoryless(task, length, self.rows), task.chance(length)
            room = 4 * found.error + 0.002
            seen = f"the current input alone gives {found.accuracy:.4f} +- {found.error:.4f} at length {length}"
            beaten = found.accuracy > chance + room
            require(not beaten, f"a predictor without memory must not beat chance={chance:.4f}; {seen}")
            reached = chance <= found.accuracy + room + self.unfitted_chance
            require(reached, f"chance={chance:.4f} must be reached without memory; {seen}")

    def test_a_perfect_oracle_scores_one(self, task: Task) -> None:
        """The right answers score 1: those of the task's `oracle(inputs, lengths)` where it has one, else its targets.

        Way out: give real targets a tolerance, `Vectors(1, tolerance=0.04)`. An oracle is no more than a method that
        works out the targets from the inputs alone; it shows that the task can be solved.
        """
        for rows, length in self._sizes(task):
            batch = draw(task, length, rows)
            oracle = getattr(task, "oracle", None)
            found = score(task, batch, oracle(batch.inputs, batch.lengths) if oracle else batch.targets)
            require(found == 1, f"the right answers must score 1, at length {length} they score {found:.4f}")

    def test_needs_causal_exactly_when_the_next_input_helps(self, task: Task) -> None:
        """`needs_causal` is True exactly where the next input gives answers away.

        Way out: say `needs_causal = True` where a target is an input that comes later.
        """
        if task.readout == "last" or not isinstance(task.inputs, Tokens):
            pytest.skip("only symbols with an answer at each step are looked up one step ahead")
        length = self._lengths(task)[0]
        learned = task.needs_causal  # teacher forcing: the answer to be scored may be the last, which nothing follows
        now, next_too = (memoryless(task, length, self.rows, ahead=a, learned=learned) for a in (False, True))
        helps = next_too.accuracy - now.accuracy > 4 * math.hypot(now.error, next_too.error) + 0.002
        seen = f"accuracy without memory is {now.accuracy:.3f}, and {next_too.accuracy:.3f} with the next input known"
        refused = "needs_causal refuses architectures that look ahead, and looking ahead must help them"
        if task.needs_causal:
            require(helps, f"{refused}; {seen}")
        else:
            require(not helps, f"the next input must not give answers away, or needs_causal be True; {seen}")

    def test_lengths_that_do_not_fit_are_refused(self, task: Task) -> None:
        """`refuse_length` raises ValueError below `min_length`, and takes `min_length` and the default lengths.

        Way out: begin with `super().refuse_length(length)`, and choose `default_lengths` that fit.
        """
        for length in (task.min_length, *task.default_lengths, *self._lengths(task)):
            require(not refusal(task, length), f"length {length} must be taken; it is refused: {refusal(task, length)}")
        low = task.min_length - 1
        require(bool(refusal(task, low)), f"a length below min_length must be refused by ValueError; {low} is taken")

    def test_what_is_remembered_has_a_class_for_each_step(self, task: Task) -> None:
        """`remembered` is None, or int64 (batch, time) or (batch, time, items): classes from 0, or -1 for none.

        Way out: give -1 for every step beyond a row's length, and return the same for the same batch, unchanged.
        """
        for rows, length in self._sizes(task):
            batch = draw(task, length, rows)
            held = task.remembered(batch)
            if held is None:
                continue
            broken = unfit_remembered(held, batch)
            require(not broken, f"remembered must be classes from 0, or -1, of shape (batch, time[, items]); {broken}")
            again = task.remembered(draw(task, length, rows))
            same_again = again is not None and torch.equal(held, again)
            require(same_again and same(batch, draw(task, length, rows)), "remembered must follow from the batch alone")

    def test_what_is_remembered_has_been_shown(self, task: Task) -> None:
        """Two rows that begin alike remember the same: `remembered` at a step is told by the inputs up to it.

        Way out: give -1 until the step that shows it. The default of `Task` is not held to this.
        """
        if type(task).remembered is Task.remembered or not isinstance(task.inputs, Tokens):
            pytest.skip("only a task's own `remembered`, of symbols, is looked up step by step")
        batch = draw(task, self._lengths(task)[0], 500)
        for steps in (1, 2, 3):
            unlike = unlike_after(batch, task.remembered(batch), steps)
            seen = f"after {steps} equal inputs {unlike} rows differ"
            require(not unlike, f"what is remembered must have been shown; {seen}")

    def test_features_have_a_number_for_each_step(self, task: Task) -> None:
        """`features` gives float32 (batch, time), finite up to each row's end, under the same names at every length.

        Way out: end the method with `.float()`, and derive the names from the options only.
        """
        names = set(task.features(draw(task, self._lengths(task)[0])))
        for rows, length in self._sizes(task):
            batch = draw(task, length, rows)
            found = task.features(batch)
            require(set(found) == names, f"features must have the same names at every length; {names} and {set(found)}")
            for name, feature in found.items():
                broken = unfit_feature(feature, batch)
                require(not broken, f"features must be finite float32 (batch, time); {name!r}: {broken}")

    def test_symbols_are_named_all_or_none(self, task: Task) -> None:
        """`input_symbols`, `target_symbols` and `entry_symbols` are empty, or hold a different text for each of them.

        Way out: one text for each of `inputs.size` symbols, `targets.size` classes and `targets.entries` entries.
        """
        for name, count in symbol_counts(task).items():
            names = list(getattr(task, name))
            fits = not names or len(set(names)) == len(names) == count
            require(fits, f"{name} must be empty or hold {count} different texts; it holds {len(names)}")

    def test_not_everything_is_skipped(self, task: Task) -> None:
        """At least one promise could be checked.

        Way out: look at the reasons for which the checks were skipped.
        """
        require_something_checked(self, task)

    def _lengths(self, task: Task) -> tuple[int, int]:
        """A shorter and a longer length, moved up where the task begins later."""
        more = max(0, task.min_length - self.lengths[0])
        return self.lengths[0] + more, self.lengths[1] + more

    def _sizes(self, task: Task) -> Iterator[tuple[int, int]]:
        """Rows and lengths to look at."""
        yield 1, task.min_length
        yield from ((16, length) for length in self._lengths(task))


def check_task(task: Task, contract: TaskContract | None = None) -> list[Finding]:
    """Every check of the contract and what it found."""
    return list(findings(contract or TaskContract(), task))
