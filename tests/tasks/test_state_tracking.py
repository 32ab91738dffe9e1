"""word_problem and modular_arithmetic: groups are groups, expressions are as published, and chance is exact."""

from __future__ import annotations

import itertools

import pytest
import torch
from harness.tasks._groups import group_of
from harness.tasks.modular_arithmetic import ModularArithmetic
from harness.tasks.word_problem import WordProblem

from harness import Batch, Task
from harness.testing import TaskContract


class TestWithOptions(TaskContract):
    @pytest.fixture(
        params=[
            WordProblem(group="a5"),
            WordProblem(group="z60"),
            ModularArithmetic(brackets=True),
            ModularArithmetic(modulus=2),
        ],
        ids=["a5", "z60", "brackets", "modulo 2"],
    )
    def task(self, request):
        return request.param


def draw(task: Task, length: int, rows: int = 50) -> Batch:
    return task.sample(torch.Generator().manual_seed(0), rows, length)


@pytest.mark.parametrize(
    ("name", "order", "commutes"),
    [("s3", 6, 0), ("s4", 24, 0), ("s5", 120, 0), ("a4", 12, 0), ("a5", 60, 0), ("z60", 60, 1), ("a4xz5", 60, 0)],
)
def test_a_group_has_a_neutral_element_inverses_and_is_associative(name, order, commutes):
    table, names = group_of(name)
    numbers = torch.arange(order)
    assert table.shape == (order, order)
    assert len(set(names)) == order
    assert torch.equal(table[0], numbers)
    assert torch.equal(table[:, 0], numbers)
    assert torch.equal(table.sort(dim=1).values, numbers.expand(order, -1))
    assert torch.equal(table[table], table[numbers[:, None, None], table])  # (a b) c = a (b c)
    assert torch.equal(table, table.T) == bool(commutes)


def test_a5_is_not_solvable_and_a4_is():
    """The subgroup of commutators of a5 is a5; that of a4 has four elements."""

    def commutators(name):
        table = group_of(name).table
        inverse = (table == 0).int().argmax(dim=1)
        of_pairs = table[table[inverse][:, inverse], table].unique()
        while len(more := table[of_pairs][:, of_pairs].unique()) > len(of_pairs):
            of_pairs = more
        return len(of_pairs)

    assert commutators("a5") == 60
    assert commutators("a4") == 4


def test_the_example_of_word_problem_is_true():
    task = WordProblem(group="s3")
    inputs = torch.tensor([[task.input_symbols.index(name) for name in ("213", "132", "213")]])
    assert [task.target_symbols[number] for number in task._products(inputs)[0]] == ["213", "312", "321"]
    assert WordProblem(group="z5")._products(torch.tensor([[3, 4, 1]])).tolist() == [[3, 2, 3]]


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("s6", "no group 's6'. Did you mean"),
        ("a", "Known: a4, a4xz5"),
        ("z1", "2 <= N <= 1000, got group 'z1'"),
        ("s5xs5", "14400 elements, and 1000 are the most"),
        ("s3x", "no group 's3x'"),
        ("", "no group ''"),
    ],
)
def test_an_unknown_group_is_refused(group, said):
    with pytest.raises(ValueError, match=said):
        WordProblem(group=group)


def test_features_say_which_element_the_product_is():
    task = WordProblem(group="s3")
    batch = draw(task, 6)
    found = task.features(batch)
    assert len(found) == 5
    assert torch.equal(found["the product is 321"], (batch.targets == task.target_symbols.index("321")).float())


@pytest.mark.parametrize("text", ["1+2*3", "1-1-1", "0*1+4*3-2"])
def test_the_published_examples_of_modular_arithmetic_are_true(text):
    task = ModularArithmetic()
    inputs = torch.tensor([[task.input_symbols.index(symbol) for symbol in text + "="]])
    assert task._progress(inputs)[0, -1, 0] == eval(text) % 5
    assert task._progress(inputs)[0, -1, 0] == {"1+2*3": 2, "1-1-1": 4, "0*1+4*3-2": 0}[text]


@pytest.mark.parametrize("length", [3, 4, 9, 20])
def test_an_expression_without_brackets_is_worked_out_as_python_does(length):
    task = ModularArithmetic(modulus=7)
    batch = draw(task, length, rows=300)
    assert batch.inputs.shape[1] == length - (length % 2 == 0) + 1
    for row, answer in zip(batch.inputs.tolist(), batch.targets[:, 0].tolist(), strict=True):
        text = [task.input_symbols[symbol] for symbol in row]
        assert all(symbol.isdigit() for symbol in text[::2])
        assert answer == eval("".join(text[:-1])) % 7


@pytest.mark.parametrize("length", [5, 6, 7, 8, 9, 30])
def test_an_expression_with_brackets_has_exactly_the_length(length):
    task = ModularArithmetic(brackets=True)
    batch = draw(task, length)
    assert batch.inputs.shape == (50, length + 1)
    depth = task.features(batch)["open brackets"]
    assert (depth >= 0).all()
    assert (depth[:, -2:] == 0).all()
    assert depth.max() >= 1


@pytest.mark.parametrize("modulus", [2, 5])
@pytest.mark.parametrize("operators", [1, 2, 3])
def test_chance_of_modular_arithmetic_is_that_of_all_expressions(modulus, operators):
    counts = [0] * modulus
    for numbers in itertools.product(range(modulus), repeat=operators + 1):
        for between in itertools.product("+-*", repeat=operators):
            text = "".join(f"{number}{operator}" for number, operator in zip(numbers, (*between, ""), strict=True))
            counts[eval(text) % modulus] += 1
    chance = ModularArithmetic(modulus=modulus).chance(2 * operators + 1)
    assert chance == pytest.approx(max(counts) / sum(counts))


def test_modular_arithmetic_holds_a_sum_and_a_term():
    task = ModularArithmetic()
    inputs = torch.tensor([[task.input_symbols.index(symbol) for symbol in "2*3-4*4="]])
    batch = Batch(inputs, torch.tensor([[0]]), torch.tensor([[True]]))
    #        2        *        3        -         4        *        4        =
    held = [[0, 2], [0, 2], [0, 1], [1, -1], [1, 1], [1, 1], [1, 4], [0, -1]]
    assert task.remembered(batch)[0].tolist() == held
    value = torch.stack([task.features(batch)[f"the value so far is {k}"][0] for k in range(5)]).argmax(dim=0)
    assert value.tolist() == [2, 2, 1, 1, 2, 2, 0, 0]


@pytest.mark.parametrize("options", [{"modulus": 1}, {"modulus": 31}])
def test_a_modulus_that_does_not_fit_is_refused(options):
    with pytest.raises(ValueError, match="2 to 30, got modulus="):
        ModularArithmetic(**options)
