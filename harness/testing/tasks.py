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
from typing import ClassVar

import pytest
import torch

from harness.finite import FiniteTask
from harness.task import Task, Tokens, WritingTask
from harness.testing._batches import draw, same, score
from harness.testing._held import refusal, symbol_counts, unfit_feature, unfit_remembered, unlike_after
from harness.testing._memoryless import memoryless
from harness.testing._probes import require
from harness.testing._task_data import DataPromises
from harness.testing.findings import Finding, findings, require_something_checked
from harness.training.data import rows_of


class TaskContract(DataPromises):
    """Override the fixture `task`; the class attributes where a task needs other lengths or more sequences."""

    rows: ClassVar[int] = 2000  # sequences behind an estimate of chance, twice
    unfitted_chance: ClassVar[float] = 0.0  # how much of chance the fitted predictor cannot reach; say why

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
        if isinstance(task, FiniteTask) and not task.needs_causal:  # real data: it may help, and must not tell
            helps = helps and next_too.accuracy >= task.solved_at
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

    def test_given_sequences_stay_as_they_are(self, task: Task) -> None:
        """A `FiniteTask` gives the same sequence for the same number, whichever others are taken with it.

        Way out: draw nothing in `take`, and pad every row to the same number of steps.
        """
        if not isinstance(task, FiniteTask):
            pytest.skip("only a task over given data numbers its sequences")
        length = self._lengths(task)[1]
        numbers = torch.arange(min(16, task.count("train", length)))
        together = task.take("train", length, numbers)
        for number in (0, len(numbers) - 1):
            alone = task.take("train", length, numbers[number : number + 1])
            again = same(alone, rows_of(together, numbers[number : number + 1]))
            require(again, f"a number must stand for one sequence; sequence {number} differs when it is taken alone")

    def test_answers_fed_back_are_the_next_inputs(self, task: Task) -> None:
        """What a `WritingTask` feeds back for the right answers is what its inputs hold at the step after them.

        Way out: make the inputs of teacher forcing and `fed_back` by the same code.
        """
        if not isinstance(task, WritingTask):
            pytest.skip("only a task that writes feeds answers back")
        batch = draw(task, self._lengths(task)[1], 16)
        asked = batch.mask if batch.loss_mask is None else batch.loss_mask | batch.mask
        for step in range(asked.shape[1] - 1):
            rows = asked[:, step] & asked[:, step + 1]
            fed = task.fed_back(batch.targets[rows, step])
            alike = torch.equal(fed, batch.inputs[rows, step + 1 : step + 2])
            require(alike, f"fed_back must give the inputs of the next step; after step {step} they differ")

    def test_not_everything_is_skipped(self, task: Task) -> None:
        """At least one promise could be checked.

        Way out: look at the reasons for which the checks were skipped.
        """
        require_something_checked(self, task)


def check_task(task: Task, contract: TaskContract | None = None) -> list[Finding]:
    """Every check of the contract and what it found."""
    return list(findings(contract or TaskContract(), task))
