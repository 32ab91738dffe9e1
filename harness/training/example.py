"""One sequence of a task and its answer as text: what a page or a terminal shows to say what the task asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from harness.task import Classes, Task, Tokens

_LENGTH = 8  # short enough to be read, long enough to show what is asked
_NOT_ASKED = "."
_MOST_NUMBERS = 4  # of a vector that are written out


class Example(NamedTuple):
    """A sequence step by step; `answers` and `scored` have an entry for each step, or a single one for the end."""

    length: int
    inputs: tuple[str, ...]
    answers: tuple[str, ...]  # "." where nothing is asked
    scored: tuple[bool, ...]  # whether the accuracy counts the answer; others are learned only


def example_of(task: Task, seed: int = 0) -> Example:
    """A short sequence of a task, drawn from a seed, in the symbols that the task names."""
    length = _short_length(task)
    batch = task.sample(torch.Generator().manual_seed(seed), 1, length)
    steps = batch.inputs.shape[1] if batch.lengths is None else int(batch.lengths[0])
    answered = 1 if task.readout == "last" else steps
    asked = batch.mask if batch.loss_mask is None else batch.mask | batch.loss_mask
    answers = [
        answer_text(task, target) if is_asked else _NOT_ASKED
        for target, is_asked in zip(batch.targets[0].tolist(), asked[0].tolist(), strict=True)
    ]
    inputs = [input_text(task, value) for value in batch.inputs[0, :steps].tolist()]
    return Example(length, tuple(inputs), tuple(answers[:answered]), tuple(batch.mask[0, :answered].tolist()))


def example_text(example: Example, width: int = 76) -> str:
    """The example in lines of at most `width` characters: inputs above answers, and marks under the scored steps.

    The marks are left out where every answer is scored.
    """
    if len(example.answers) == 1 < len(example.inputs):
        inputs = ("\n" + " " * 7).join(_wrapped(example.inputs, width - 7))
        return f"input  {inputs}\nanswer {example.answers[0]}"
    columns = [max(map(len, pair)) for pair in zip(example.inputs, example.answers, strict=True)]
    blocks, begin = [], 0
    while begin < len(columns):
        end = begin + 1
        while end < len(columns) and sum(columns[begin : end + 1]) + end - begin <= width - 7:
            end += 1
        blocks.append("\n".join(_aligned(example, columns, begin, end)))
        begin = end
    return "\n\n".join(blocks)


def _aligned(example: Example, columns: list[int], begin: int, end: int) -> list[str]:
    """The lines of some steps."""
    rows = {"input": example.inputs, "answer": example.answers}
    if any(answer != _NOT_ASKED and not scored for answer, scored in zip(example.answers, example.scored, strict=True)):
        rows["scored"] = tuple("^" if scored else "" for scored in example.scored)
    lines = []
    for name, texts in rows.items():
        steps = zip(texts[begin:end], columns[begin:end], strict=True)
        lines.append(" ".join([name.ljust(6), *(text.ljust(column) for text, column in steps)]).rstrip())
    return lines


def _wrapped(words: Sequence[str], width: int) -> list[str]:
    """The words in lines of at most `width` characters. (textwrap would break words at hyphens and drop blanks.)"""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines


def _short_length(task: Task) -> int:
    """A short length that the task takes."""
    for length in (_LENGTH, *sorted(task.default_lengths)):
        try:
            task.refuse_length(length)
        except ValueError:
            continue
        return length
    return task.min_length


def input_text(task: Task, value: Any) -> str:
    """One input as text: the symbol that the task names, or numbers."""
    return _symbol(task.input_symbols, value) if isinstance(task.inputs, Tokens) else _numbers(value)


def answer_text(task: Task, target: Any) -> str:
    """One target as text: the symbols that the task names, or numbers."""
    if not isinstance(task.targets, Classes):
        return _numbers(target)
    if task.targets.entries == 1:
        return _symbol(task.target_symbols, target)
    if task.targets.size == 2 and task.entry_symbols:
        return "|".join(task.entry_symbols[entry] for entry, said in enumerate(target) if said) or "none"
    return ",".join(_symbol(task.target_symbols, entry) for entry in target)


def _symbol(names: Sequence[str], number: int) -> str:
    return names[number] if names else str(number)


def _numbers(vector: list[float]) -> str:
    """The numbers of a vector; of a long one, which of them are not zero."""
    if len(vector) <= _MOST_NUMBERS:
        return ",".join(f"{number:.2f}".removesuffix(".00") for number in vector)
    places = [str(place) for place, number in enumerate(vector) if number]
    return f"{{{','.join(places)}}}" if places else "0"
