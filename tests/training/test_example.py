"""One sequence of a task as text: the right symbols at the right steps, whatever the task is made of."""

from __future__ import annotations

import pytest
import torch

from harness import Batch, Classes, Task, Tokens, Vectors
from harness.discovery import registry
from harness.errors import UsageError
from harness.training.build import build_task
from harness.training.example import Example, example_of, example_text

BUILT_IN = [plugin.name for plugin in registry.plugins("task") if plugin.module.startswith("harness.tasks.")]


class Shown(Task):
    """A task that gives one batch, whatever is asked for."""

    inputs = Tokens(3)
    targets = Classes(3)
    batch: Batch

    def sample(self, generator, batch_size, length):
        return self.batch

    def chance(self, length):
        return 0.0


def batch_of(inputs, targets, mask, loss_mask=None, lengths=None):
    loss = None if loss_mask is None else torch.tensor([loss_mask])
    ends = None if lengths is None else torch.tensor([lengths])
    return Batch(torch.tensor([inputs]), torch.tensor([targets]), torch.tensor([mask]), ends, loss)


def test_steps_are_marked_as_scored_learned_or_not_asked():
    task = Shown()
    task.input_symbols = task.target_symbols = ["a", "b", "_"]
    task.batch = batch_of([0, 1, 2], [2, 0, 1], [False, False, True], [False, True, True])
    example = example_of(task)
    assert example.inputs == ("a", "b", "_")
    assert example.answers == (".", "a", "b")
    assert example.scored == (False, False, True)
    assert example_text(example) == "input  a b _\nanswer . a b\nscored     ^"


def test_steps_beyond_the_end_of_a_row_are_left_out():
    task = Shown()
    task.batch = batch_of([0, 1, 2], [2, 0, 1], [True, True, False], lengths=2)
    assert example_of(task) == Example(8, ("0", "1"), ("2", "0"), (True, True))


def test_an_answer_at_the_end_stands_alone():
    task = Shown()
    task.readout = "last"
    task.batch = batch_of([0, 1, 2], [1], [True])
    assert example_text(example_of(task)) == "input  0 1 2\nanswer 1"


def test_vectors_are_written_as_numbers_or_as_places():
    task = Shown()
    task.inputs, task.targets = Vectors(2), Vectors(1, tolerance=0.1)
    task.batch = batch_of([[0.25, 1.0], [0.5, 0.0]], [[0.125], [1.0]], [True, True])
    assert example_text(example_of(task)) == "input  0.25,1 0.50,0\nanswer 0.12   1"
    task.inputs, task.targets = Vectors(6), Classes(2)
    task.batch = batch_of([[0.0, 1, 0, 0, 1, 0], [0.0] * 6], [0, 1], [True, True])
    assert example_of(task).inputs == ("{1,4}", "0")


def test_several_entries_are_named_where_they_are_yes_or_no():
    task = Shown()
    task.targets = Classes(2, entries=3)
    task.entry_symbols = ["a", "b", "end"]
    task.batch = batch_of([0, 1, 2], [[1, 1, 0], [0, 0, 1], [0, 0, 0]], [True] * 3)
    assert example_of(task).answers == ("a|b", "end", "none")
    task.targets = Classes(5, entries=3)
    task.batch = batch_of([0], [[4, 0, 2]], [True])
    assert example_of(task).answers == ("4,0,2",)


@pytest.mark.parametrize("width", [20, 40])
def test_long_sequences_are_wrapped_step_by_step(width):
    task = Shown()
    task.batch = batch_of([0, 1] * 20, [1, 0] * 20, [True] * 40)
    text = example_text(example_of(task), width)
    assert all(len(line) <= width for line in text.splitlines())
    lines = [line.split() for line in text.splitlines() if line]
    steps = {name: [word for first, *words in lines if first == name for word in words] for name in ("input", "answer")}
    assert steps == {"input": ["0", "1"] * 20, "answer": ["1", "0"] * 20}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_task_has_a_short_example(name):
    try:
        task = build_task(name, {})
    except (ValueError, UsageError) as error:  # it needs a file, or a package that is not here
        pytest.skip(str(error))
    example = example_of(task)
    assert len(example.inputs) <= 64  # an image of 8 x 8 is the longest
    assert any(example.scored)
    assert all(answer != "." for answer, scored in zip(example.answers, example.scored, strict=True) if scored)
    assert max(map(len, example_text(example).splitlines())) <= 80
    assert example == example_of(build_task(name, {}))
