"""A perfect rule scores 1 on each task, from the inputs alone; and guesses from the current input score chance."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from harness.tasks.associative_recall import AssociativeRecall
from harness.tasks.fill_gap import FillGap
from harness.tasks.first_token import FirstToken
from harness.tasks.induction import Induction
from harness.tasks.modular_arithmetic import ModularArithmetic
from harness.tasks.mqar import MQAR
from harness.tasks.parity import Parity
from harness.tasks.pointwise import Pointwise
from harness.tasks.recite import Recite
from harness.tasks.reverse import Reverse
from harness.tasks.temporal_order import TemporalOrder
from harness.tasks.word_problem import WordProblem

from harness import Task

Answers = list[int]


def largest(task: Pointwise, row: list[list[float]]) -> Answers:
    return [numbers.index(max(numbers)) for numbers in row]


def said_again(task: Recite, row: list[list[float]]) -> Answers:
    shown = [i % task.alphabet for i, bit in enumerate(row[0]) if bit]
    assert not any(any(step) for step in row[1:])
    return [shown[t % len(shown)] for t in range(len(row))]


def first(task: FirstToken, row: Answers) -> Answers:
    return row[:1]


def in_order(task: TemporalOrder, row: Answers) -> Answers:
    bits = [str(symbol - 4) for symbol in row if symbol in (4, 5)]
    return [int("".join(bits), base=2)]


def backwards(task: Reverse, row: Answers) -> Answers:
    stack, answers = [], []
    for symbol in row:
        if symbol < task.alphabet:
            stack.append(symbol)
        answers.append(stack.pop() if symbol == task.alphabet else -1)
    return answers


def in_its_order(task: Reverse, row: Answers) -> Answers:
    shown = row[: len(row) // 2]
    return [-1] * len(shown) + {"same": shown, "odds_first": shown[::2] + shown[1::2]}[task.order]


def odd(task: Parity, row: Answers) -> Answers:
    answers = [sum(row[: t + 1]) % 2 for t in range(len(row))]
    return answers if task.readout == "each" else answers[-1:]


def looked_up(task: AssociativeRecall, row: Answers) -> Answers:
    question = task.keys + task.values + task.distractors
    assert row[-2] == question
    assert question not in row[:-2]
    pairs = {key: value for key, value in pairwise(row[:-2]) if key < task.keys}
    return [pairs[row[-1]] - task.keys]


def nearest(task: FillGap, row: Answers) -> Answers:
    def symbol(steps: range) -> tuple[int, int]:
        return next((abs(t - steps.start), row[t]) for t in steps if row[t] < task.alphabet)

    return [min(symbol(range(t, -1, -1)), symbol(range(t, len(row))))[1] for t in range(len(row))]


def looked_up_often(task: MQAR, row: Answers) -> Answers:
    shown, rest = row[: 2 * task.pairs], row[2 * task.pairs :]
    values = dict(zip(shown[::2], shown[1::2], strict=True))
    return [-1] * len(shown) + [values.get(symbol, -1) - task.keys for symbol in rest]


def completed(task: Induction, row: Answers) -> Answers:
    special = task.inputs.size - 1
    return [row[row.index(special) + 1]]


def followed(task: WordProblem, row: Answers) -> Answers:
    """Where each thing stands after each permutation in turn, or the sums modulo N."""
    names = task.input_symbols
    if task.group.startswith("z"):
        return [sum(row[: t + 1]) % len(names) for t in range(len(row))]
    places = list(range(len(names[0])))
    answers = []
    for number in row:
        places = [int(names[number][place]) - 1 for place in places]
        answers.append(names.index("".join(str(place + 1) for place in places)))
    return answers


def evaluated(task: ModularArithmetic, row: Answers) -> Answers:
    *text, equals = (task.input_symbols[symbol] for symbol in row)
    assert equals == "="
    return [eval("".join(text)) % task.modulus]


CASES: dict[str, tuple[Task, Callable]] = {
    "pointwise": (Pointwise(), largest),
    "pointwise of many": (Pointwise(size=9), largest),
    "recite": (Recite(), said_again),
    "recite a short list": (Recite(symbols=3, alphabet=4), said_again),
    "first_token": (FirstToken(), first),
    "first_token of many": (FirstToken(classes=5, distractors=1), first),
    "temporal_order 6a": (TemporalOrder(), in_order),
    "temporal_order 6b": (TemporalOrder(symbols=3), in_order),
    "reverse": (Reverse(), backwards),
    "reverse bits": (Reverse(alphabet=2), backwards),
    "duplicate": (Reverse(order="same"), in_its_order),
    "odds first": (Reverse(order="odds_first"), in_its_order),
    "parity": (Parity(), odd),
    "parity at the end": (Parity(asked="last"), odd),
    "associative_recall": (AssociativeRecall(), looked_up),
    "associative_recall of all keys": (AssociativeRecall(pairs=5, keys=5, values=2, distractors=1), looked_up),
    "mqar": (MQAR(), looked_up_often),
    "mqar of many pairs": (MQAR(pairs=5, gap=1.0, alphabet=16), looked_up_often),
    "induction": (Induction(), completed),
    "induction of two": (Induction(alphabet=3), completed),
    "word_problem of s3": (WordProblem(), followed),
    "word_problem of a4": (WordProblem(group="a4"), followed),
    "word_problem of z7": (WordProblem(group="z7"), followed),
    "modular_arithmetic with brackets": (ModularArithmetic(brackets=True), evaluated),
    "fill_gap": (FillGap(), nearest),
    "fill_gap of bits": (FillGap(alphabet=2, context=1), nearest),
}


@pytest.mark.parametrize("more", [0, 1, 7, 30])
@pytest.mark.parametrize(("task", "oracle"), CASES.values(), ids=CASES)
def test_a_perfect_rule_is_always_right(task, oracle, more):
    batch = task.sample(torch.Generator().manual_seed(0), 60, task.min_length + more)
    lengths = [batch.inputs.shape[1]] * 60 if batch.lengths is None else batch.lengths.tolist()
    for row, length, targets, mask in zip(batch.inputs.tolist(), lengths, batch.targets, batch.mask, strict=True):
        answers = torch.tensor(oracle(task, row[:length]))
        assert torch.equal(answers[mask], targets[mask])


@pytest.mark.parametrize("length", [20, 33])
@pytest.mark.parametrize(("task", "oracle"), CASES.values(), ids=CASES)
def test_every_answer_is_as_likely_as_chance_says(task, oracle, length):
    """So no constant answer beats chance; that the current input does not help either is in the contract."""
    batch = task.sample(torch.Generator().manual_seed(0), 6000, length)
    answers = batch.targets[batch.mask]
    shares = torch.bincount(answers, minlength=task.targets.size) / len(answers)
    assert shares.numpy() == pytest.approx(task.chance(length), abs=0.03)
