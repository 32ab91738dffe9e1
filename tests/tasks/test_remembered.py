"""What each task says that a perfect memory holds, and its features, against rules written out step by step."""

from __future__ import annotations

import pytest
import torch
from harness.tasks.adding import Adding
from harness.tasks.associative_recall import AssociativeRecall
from harness.tasks.charlm import CharLM
from harness.tasks.copy import Copy
from harness.tasks.fill_gap import FillGap
from harness.tasks.first_token import FirstToken
from harness.tasks.parentheses import Parentheses
from harness.tasks.parity import Parity
from harness.tasks.pointwise import Pointwise
from harness.tasks.recite import Recite
from harness.tasks.reverse import Reverse
from harness.tasks.temporal_order import TemporalOrder

from harness import Batch, Classes, Task, Tokens, Vectors


def draw(task: Task, length: int, rows: int = 30) -> Batch:
    return task.sample(torch.Generator().manual_seed(0), rows, length)


class Plain(Task):
    """A task that says nothing of what it remembers."""

    inputs = Tokens(2)
    targets = Classes(2)

    def sample(self, generator, batch_size, length):
        inputs = torch.randint(2, (batch_size, length), generator=generator)
        mask = torch.arange(length).expand(batch_size, -1) % 2 == 1
        return Batch(inputs, inputs, mask)

    def chance(self, length):
        return 0.5


class PlainLast(Plain):
    readout = "last"

    def sample(self, generator, batch_size, length):
        inputs = torch.randint(2, (batch_size, length), generator=generator)
        lengths = torch.full((batch_size,), length - 1)
        return Batch(inputs, inputs[:, :1], torch.ones(batch_size, 1, dtype=torch.bool), lengths)


def test_by_default_the_answer_of_the_end_is_remembered_at_every_step():
    batch = draw(PlainLast(), 5)
    held = PlainLast().remembered(batch)
    assert (held[:, :4] == batch.inputs[:, :1]).all()
    assert (held[:, 4] == -1).all()


def test_by_default_a_target_is_remembered_at_its_own_scored_step():
    batch = draw(Plain(), 5)
    held = Plain().remembered(batch)
    assert torch.equal(held[batch.mask], batch.targets[batch.mask])
    assert (held[~batch.mask] == -1).all()


def test_by_default_real_answers_are_not_remembered():
    task = Plain()
    task.targets = Vectors(1)
    assert task.remembered(draw(task, 5)) is None


@pytest.mark.parametrize("selective", [False, True])
def test_copy_holds_each_symbol_from_where_it_is_shown_to_where_it_is_repeated(selective):
    task = Copy(symbols=4, alphabet=3, selective=selective)
    batch = draw(task, 6)
    held = task.remembered(batch)
    for row, inputs in enumerate(batch.inputs.tolist()):
        shown = [step for step, symbol in enumerate(inputs) if symbol < 3]
        for item, place in enumerate(shown):
            for step in range(len(inputs)):
                asked = place <= step <= len(inputs) - 4 + item
                assert held[row, step, item] == (inputs[place] if asked else -1)


def test_copy_names_the_symbol_that_is_due():
    task = Copy(symbols=4, alphabet=3)
    batch = draw(task, 6)
    found = task.features(batch)
    due = torch.stack([found[f"symbol {k} is due"] for k in range(3)], dim=2)
    assert torch.equal(due.argmax(dim=2)[batch.mask], batch.targets[batch.mask])
    assert not due[~batch.mask].any()
    assert found["symbols shown"][:, -1].eq(4).all()
    assert found["symbols repeated"][:, -1].eq(4).all()


@pytest.mark.parametrize("variant", ["halves", "anywhere", "hochreiter"])
def test_adding_holds_the_bin_of_its_sum(variant):
    task = Adding(variant=variant)
    batch = draw(task, 20)
    held, found = task.remembered(batch), task.features(batch)
    for row in range(30):
        end = 20 if batch.lengths is None else int(batch.lengths[row])
        total, marks = 0.0, 0
        for step in range(end):
            number, marker = batch.inputs[row, step].tolist()
            total, marks = (total + number, marks + 1) if marker == 1 else (total, marks)
            share = (total + 2) / 4 if variant == "hochreiter" else total / 2
            assert found["sum so far"][row, step].item() == pytest.approx(total, abs=1e-5)
            assert found["marks so far"][row, step] == marks
            assert abs(int(held[row, step]) - (share * 20 if marks else -1)) <= (1.001 if marks else 0)
        assert (held[row, end:] == -1).all()


def test_first_token_holds_its_answer():
    task = FirstToken(classes=3)
    batch = draw(task, 7)
    assert torch.equal(task.remembered(batch), batch.inputs[:, :1].expand(-1, 8))
    assert torch.equal(task.features(batch)["first symbol was C"][:, 5], (batch.inputs[:, 0] == 2).float())


@pytest.mark.parametrize("variant", ["closing", "next", "balanced"])
@pytest.mark.parametrize("length", [8, 21])
def test_parentheses_hold_the_innermost_open_bracket(variant, length):
    task = Parentheses(variant=variant)
    batch = draw(task, length)
    held, found = task.remembered(batch), task.features(batch)
    for row, string in enumerate(batch.inputs.tolist()):
        stack = []
        for step, symbol in enumerate(string):
            stack = [*stack, symbol] if symbol < task.kinds else stack[:-1]
            assert held[row, step] == (stack[-1] if stack else -1)
            assert found["open brackets"][row, step] == len(stack)
            for kind in range(task.kinds):
                innermost = bool(stack) and stack[-1] == kind
                assert found[f"innermost bracket is of kind {kind}"][row, step] == innermost
    if variant == "closing":
        assert torch.equal(torch.where(held < 0, task.kinds, held), batch.targets)


def test_counting_holds_every_count():
    task = Parentheses(variant="counting", kinds=2)
    batch = draw(task, 15)
    found = task.features(batch)
    assert torch.equal(task.remembered(batch), batch.targets)
    assert torch.equal(found["open brackets of kind 1"], batch.targets[:, :, 1].float())
    assert torch.equal(found["open brackets"], batch.targets.sum(dim=2).float())


@pytest.mark.parametrize("symbols", [2, 3])
def test_temporal_order_holds_each_symbol_once_it_was_shown(symbols):
    task = TemporalOrder(symbols=symbols)
    batch = draw(task, 40)
    held = task.remembered(batch)
    for row, string in enumerate(batch.inputs.tolist()):
        for step in range(len(string)):
            seen = [symbol - 4 for symbol in string[: step + 1] if symbol in (4, 5)]
            expected = seen + [-1] * (symbols - len(seen)) if step < batch.lengths[row] else [-1] * symbols
            assert held[row, step].tolist() == expected
    value = (held[torch.arange(30), batch.lengths - 1] * 2 ** torch.arange(symbols).flip(0)).sum(dim=1)
    assert torch.equal(value, batch.targets[:, 0])


@pytest.mark.parametrize("pairs", [1, 3, 8])
def test_associative_recall_holds_the_value_of_each_key(pairs):
    task = AssociativeRecall(pairs=pairs)
    batch = draw(task, 4)
    held = task.remembered(batch)
    for row, string in enumerate(batch.inputs.tolist()):
        known = {}
        for step, symbol in enumerate(string):
            if step and step < len(string) - 2 and string[step - 1] < 8:
                known[string[step - 1]] = symbol - 8
            assert held[row, step].tolist() == [known.get(key, -1) for key in range(8)]
        assert known[string[-1]] == batch.targets[row]


@pytest.mark.parametrize("asked", ["each", "last"])
def test_parity_holds_the_parity(asked):
    task = Parity(asked=asked)
    batch = draw(task, 9)
    held = task.remembered(batch)
    assert torch.equal(held, batch.inputs.cumsum(dim=1) % 2)
    assert torch.equal(held[:, -batch.targets.shape[1] :], batch.targets)


def test_reverse_holds_each_symbol_until_it_is_said():
    task = Reverse(alphabet=4)
    batch = draw(task, 5)
    held = task.remembered(batch)
    for item in range(5):
        assert (held[:, item : 10 - item, item] == batch.inputs[:, item, None]).all()
        assert (held[:, :item, item] == -1).all()
        assert (held[:, 10 - item :, item] == -1).all()
    assert task.features(batch)["symbols held"][0].tolist() == [1, 2, 3, 4, 5, 5, 4, 3, 2, 1]


def test_another_order_holds_each_symbol_until_its_own_turn():
    task = Reverse(order="odds_first")
    held = task.remembered(draw(task, 4))
    said_at = [4, 6, 5, 7]  # places 1 and 3 come first
    for item, last in enumerate(said_at):
        assert (held[:, item : last + 1, item] >= 0).all()
        assert (held[:, last + 1 :, item] == -1).all()


def test_recite_holds_its_list():
    task = Recite(symbols=3, alphabet=4)
    batch = draw(task, 7)
    held = task.remembered(batch)
    assert torch.equal(held[:, 0], batch.targets[:, :3])
    assert torch.equal(held[:, 6], batch.targets[:, :3])
    assert task.features(batch)["place in the list"][0].tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_fill_gap_holds_the_symbol_before_the_gap_and_pointwise_nothing():
    task = FillGap(context=2)
    batch = draw(task, 6)
    held = task.remembered(batch)
    assert torch.equal(held[:, 1:5], batch.inputs[:, 1:2].expand(-1, 4))
    assert (held[:, [0, 5, 6, 7, 8, 9]] == -1).all()
    assert Pointwise().remembered(draw(Pointwise(), 3)) is None


def test_a_text_has_lines_quotes_and_brackets(tmp_path):
    text = 'a = ["(x)"]\n    B(1)\n' * 20
    (tmp_path / "text").write_text(text)
    task = CharLM(path=str(tmp_path / "text"))
    inputs = task.encoded(text[:21])[None]
    found = {name: feature[0].tolist() for name, feature in task.features(Batch(inputs, inputs, inputs > 0)).items()}
    assert found["place in the line"] == [*range(12), *range(9)]
    assert found["inside double quotes"] == [0] * 5 + [1] * 4 + [0] * 12
    assert found["open brackets"] == [0] * 4 + [1, 1, 2, 2, 1, 1, 0, 0] + [0] * 5 + [1, 1, 0, 0]
    assert found["indentation of the line"] == [0] * 12 + [1, 2, 3, 4, 4, 4, 4, 4, 4]
    assert found["capital letter"][16] == found["digit"][18] == 1
