"""The sequence that is shown: a person's own in the task's symbols, or one of the task's; with answers beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.inspection.gradients import last_scored
from harness.inspection_record import ShownSequence
from harness.task import Batch, Classes, Task, Tokens
from harness.training.example import answer_text, input_text
from harness.training.model import Model


def as_batch(task: Task, text: str) -> Batch:
    """A typed sequence as a batch of one row; UsageError where a symbol is none of the task's.

    Symbols stand side by side where each is one character, as in '([{}])'; else with spaces between them.
    """
    if not isinstance(task.inputs, Tokens):
        raise UsageError("--sequence needs a task of symbols; the inputs of this one are numbers.")
    symbols = list(task.input_symbols) or [str(number) for number in range(task.inputs.size)]
    written = text.split() if " " in text.strip() and " " not in symbols else list(text)
    written = [task.input_aliases.get(symbol, symbol) for symbol in written]
    unknown = [symbol for symbol in written if symbol not in symbols]
    if unknown or not written:
        raise UsageError(
            f"--sequence: {unknown[0] if unknown else text!r} is no symbol of this task; its symbols are "
            f"{' '.join(symbols)}."
        )
    inputs = torch.tensor([[symbols.index(symbol) for symbol in written]])
    steps = 1 if task.readout == "last" else len(written)
    entries = task.targets.entries if isinstance(task.targets, Classes) else task.targets.size
    shape = (1, steps) if isinstance(task.targets, Classes) and entries == 1 else (1, steps, entries)
    kind = torch.int64 if isinstance(task.targets, Classes) else torch.float32
    return Batch(inputs, torch.zeros(shape, dtype=kind), torch.ones(1, steps, dtype=torch.bool))


def shown_sequence(model: Model, task: Task, batch: Batch, typed: bool = False) -> ShownSequence:
    """The inputs, the right answers and the model's answers of the first row, as text."""
    with torch.no_grad():
        answers, _ = model(batch.inputs, batch.lengths)
    steps = batch.inputs.shape[1] if batch.lengths is None else int(batch.lengths[0])
    asked = batch.mask[0] if batch.loss_mask is None else batch.mask[0] | batch.loss_mask[0]
    given = _as_targets(task, answers)[0]
    end = int(last_scored(batch, task.readout)[0])
    places = [end] if task.readout == "last" else range(steps)
    wanted_text, given_text = [""] * steps, [""] * steps
    for place, (right, said, is_asked) in zip(places, zip(batch.targets[0], given, asked, strict=False), strict=False):
        if is_asked:
            wanted_text[place] = answer_text(task, right.tolist())
            given_text[place] = answer_text(task, said.tolist())
    inputs = [input_text(task, value) for value in batch.inputs[0, :steps].tolist()]
    return ShownSequence(inputs, [] if typed else wanted_text, given_text)


def _as_targets(task: Task, answers: Tensor) -> Tensor:
    """The model's answers in the form of the task's targets."""
    if not isinstance(task.targets, Classes):
        return answers
    chosen = answers.argmax(dim=-1)
    return chosen if task.targets.entries > 1 else chosen.squeeze(-1)
