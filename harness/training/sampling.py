"""What a trained model writes by itself: each of its answers is fed back as an input of the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harness.architecture import State
from harness.errors import UsageError
from harness.task import Batch, WritingTask
from harness.training.model import Model


class Reader:
    """A model that is fed sequences bit by bit; one without a state reads all that it can take again each time."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.state: State = None
        self.read: Tensor | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """The scores of each class after the last of these steps, (batch, classes)."""
        answer: Tensor
        if self.model.architecture.stateful:
            answer, self.state = self.model(inputs, None, self.state)
        else:
            read = inputs if self.read is None else torch.cat([self.read, inputs], dim=1)
            self.read = read[:, -(self.model.architecture.max_length or read.shape[1]) :]
            answer, _ = self.model(self.read)
        return answer[:, -1, 0]


class Distance(NamedTuple):
    """How far answers are from the right ones: edits, and how many right answers there are."""

    edits: int
    answers: int


def prompt_of(task: WritingTask, text: str) -> Tensor:
    """The inputs of a prompt; raises UsageError for one that the task cannot read."""
    if not text:
        raise UsageError("--prompt is empty: give the model something to begin with.")
    try:
        return task.prompt(text)
    except ValueError as error:
        raise UsageError(f"--prompt: {error}.") from None


@torch.no_grad()
def written(model: Model, task: WritingTask, prompt: Tensor, length: int, temperature: float, seed: int) -> list[int]:
    """Up to `length` answers after a prompt, drawn at a temperature (0: the likeliest each time) from a seed.

    Those of a task whose answers end stop there.
    """
    generator = torch.Generator().manual_seed(seed)
    reader, inputs = Reader(model), prompt
    drawn: list[int] = []
    for _ in range(length):
        scores = reader(inputs)[0].double()
        scores[list(task.unwritten)] = -torch.inf
        answer = _drawn(scores, temperature, generator).reshape(1)
        if int(answer) == task.end:
            break
        drawn.append(int(answer))
        inputs = task.fed_back(answer)
    return drawn


def _drawn(scores: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return scores.argmax()
    return torch.multinomial(torch.softmax(scores / temperature, dim=0), 1, generator=generator)


@torch.no_grad()
def free_running(model: Model, task: WritingTask, batch: Batch) -> list[list[int]]:
    """What the model answers to each row when it is fed its own likeliest answers, up to and with the one that ends.

    The given inputs are fed up to a row's first scored step. A row that does not end is stopped after `most_answers`.
    """
    begins = batch.mask.int().argmax(dim=1)
    steps = int(begins.max()) + task.most_answers
    steps = min(steps, model.architecture.max_length or steps)
    reader = Reader(model)
    answers: list[Tensor] = []
    ended = torch.zeros(len(begins), dtype=torch.bool, device=begins.device)
    for step in range(steps):
        inputs = _next_inputs(task, batch, begins, step, answers)
        answers.append(reader(inputs).argmax(dim=1))
        ended = ended | ((step >= begins) & (answers[-1] == task.end))
        if bool(ended.all()):
            break
    rows = torch.stack(answers, dim=1).tolist()
    return [_up_to_end(row[begin:], task) for row, begin in zip(rows, begins.tolist(), strict=True)]


def _next_inputs(task: WritingTask, batch: Batch, begins: Tensor, step: int, answers: list[Tensor]) -> Tensor:
    """What is given up to a row's first answer, and its own last answer from then on."""
    given = batch.inputs[:, min(step, batch.inputs.shape[1] - 1), None]
    if step == 0:
        return given
    own = task.fed_back(answers[-1].cpu()).to(given)
    writes = (step > begins).view(-1, *[1] * (given.dim() - 1))
    return torch.where(writes, own, given)


def _up_to_end(answers: Sequence[int], task: WritingTask) -> list[int]:
    kept = list(answers[: task.most_answers])
    return kept[: kept.index(task.end) + 1] if task.end in kept else kept


def distance(found: Sequence[Sequence[int]], batch: Batch) -> Distance:
    """The edit distance of some answers from the scored targets of a batch, over all its rows."""
    pairs = zip(batch.targets.cpu(), batch.mask.cpu(), strict=True)
    right = [targets[mask].flatten().tolist() for targets, mask in pairs]
    edits = sum(edit_distance(one, other) for one, other in zip(found, right, strict=True))
    return Distance(edits, sum(map(len, right)))


def edit_distance(one: Sequence[int], other: Sequence[int]) -> int:
    """The fewest insertions, deletions and replacements that turn one into the other (Levenshtein 1966)."""
    above = list(range(len(other) + 1))
    for row, symbol in enumerate(one, start=1):
        line = [row]
        for column, wanted in enumerate(other, start=1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (symbol != wanted)))
        above = line
    return above[-1]
