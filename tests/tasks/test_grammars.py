"""reber, counting and noise_free_lag: strings are those of the grammars, and a string is right as a whole."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import torch
from harness.tasks.counting import Counting
from harness.tasks.noise_free_lag import NoiseFreeLag
from harness.tasks.reber import Reber

from harness import Batch, Task
from harness.testing import TaskContract
from harness.testing._batches import score

# The published graph, as a regular expression: two loops (S, T), and from the lower half a way back to the upper one.
LOWER = "T*V(?:PXT*V)*(?:V|PS)"
INNER = f"B(?:TS*(?:XS|XX{LOWER})|P{LOWER})E"
EMBEDDED = re.compile(f"B(?:T{INNER}T|P{INNER}P)E")


class TestWithOptions(TaskContract):
    @pytest.fixture(
        params=[Reber(continual=True), Counting(language="anbncn"), NoiseFreeLag(alphabet=200)],
        ids=["continual", "anbncn", "long lag"],
    )
    def task(self, request):
        return request.param


def draw(task: Task, length: int, rows: int = 50) -> Batch:
    return task.sample(torch.Generator().manual_seed(0), rows, length)


def strings(batch: Batch) -> list[str]:
    """The inputs and the last target of each row, as text."""
    whole = torch.cat([batch.inputs, batch.targets[:, -1:]], dim=1)
    return ["".join("BTSXPVE"[symbol] for symbol in row) for row in whole.tolist()]


@pytest.mark.parametrize(
    ("text", "is_reber"),
    [
        *((text, True) for text in ("BTSSXXTVVE", "BPVVE", "BTXXVPSE", "BPVPXVPXVPXVVE", "BTSXXVPSE")),
        *((text, False) for text in ("BTSSPXSE", "BPTVVB", "BTXXVVSE", "BPVSPSE", "BTSSSE")),
    ],
)
def test_the_expression_tells_the_published_strings_apart(text, is_reber):
    assert bool(re.fullmatch(INNER, text)) == is_reber


@pytest.mark.parametrize("length", [9, 10, 11, 20, 50])
def test_reber_strings_are_of_the_grammar_and_as_long_as_asked(length):
    batch = draw(Reber(), length)
    for row, text in enumerate(strings(batch)):
        assert len(text) == length
        assert EMBEDDED.fullmatch(text)
        assert batch.mask[row].nonzero()[:, 0].tolist() == [length - 3]
        assert "BTSXPVE"[batch.targets[row, length - 3]] == text[1]
    assert batch.loss_mask.all()


def test_reber_strings_of_a_length_are_as_likely_as_the_grammar_makes_them():
    """At each fork both ways have a half, so a string of k forks is 2 ^ -k likely, given its length."""
    length = 12
    found = Counter(strings(draw(Reber(), length, rows=40_000)))
    task = Reber()
    weights = {}
    for text in found:
        state, weight = 16, 1.0
        for symbol in text:
            ways = task.symbol[state].tolist()
            way = ways.index("BTSXPVE".index(symbol))
            weight *= 0.5 if ways[0] != ways[1] else 1.0
            state = int(task.next[state, way])
        weights[text] = weight
    total = sum(weights.values())
    assert len(found) >= 10
    for text, count in found.items():
        assert count / 40_000 == pytest.approx(weights[text] / total, abs=0.01)


def test_long_strings_do_not_lose_precision():
    batch = draw(Reber(), 2000, rows=2)
    assert all(EMBEDDED.fullmatch(text) for text in strings(batch))


@pytest.mark.parametrize("length", [9, 60])
def test_a_stream_is_strings_without_an_end_and_asks_in_each(length):
    task = Reber(continual=True)
    batch = draw(task, length, rows=200)
    assert batch.inputs.shape == (200, length)
    for row, text in enumerate(strings(batch)):
        asked, rest, begin = [], text, 0
        while whole := EMBEDDED.match(rest):
            asked.append(begin + whole.end() - 3)
            begin, rest = begin + whole.end(), rest[whole.end() :]
        mask = batch.mask[row].nonzero()[:, 0].tolist()
        assert mask[: len(asked)] == asked
        assert len(mask) - len(asked) <= 1  # the last string may be cut after its question
        assert mask


def test_reber_holds_the_second_symbol_up_to_the_question():
    for task in (Reber(), Reber(continual=True)):
        batch = draw(task, 40)
        held = task.remembered(batch)
        answer = torch.where(batch.targets == 1, 0, 1)
        assert torch.equal(held[batch.mask], answer[batch.mask])
        assert (held[:, 0] == -1).all()
        assert torch.equal(held[:, 1], (batch.inputs[:, 1] == 4).long())
    found = Reber().features(draw(Reber(), 40))
    assert (sum(found[f"node {node}"] for node in range(8))[:, 2:-2] == 1).all()


@pytest.mark.parametrize(("language", "letters"), [("anbn", "ab"), ("anbncn", "abc")])
def test_counting_says_what_may_follow(language, letters):
    task = Counting(language=language)
    batch = draw(task, 7, rows=200)
    assert batch.inputs.shape == (200, 7 * len(letters) + 1)
    language_of = ["".join(letter * n for letter in letters) for n in range(1, 9)]
    ends = set()
    for inputs, targets, length in zip(batch.inputs, batch.targets, batch.lengths.tolist(), strict=True):
        n = (length - 1) // len(letters)
        ends.add(n)
        text = "".join(letter * n for letter in letters)
        assert "".join(task.input_symbols[symbol] for symbol in inputs[:length]) == "S" + text
        for step in range(length):
            begun = text[:step]
            follows = {other[step : step + 1] or "end" for other in language_of if other[:step] == begun}
            said = {task.entry_symbols[i] for i, legal in enumerate(targets[step].tolist()) if legal}
            assert said == follows
    assert ends == set(range(1, 8))


def test_a_string_counts_only_if_every_step_is_right():
    task = Counting()
    batch = draw(task, 20, rows=1000)
    assert score(task, batch, batch.targets) == 1
    one_wrong = batch.targets.clone()
    one_wrong[:500, 1, 0] = 1 - one_wrong[:500, 1, 0]
    assert score(task, batch, one_wrong) == 0.5


@pytest.mark.parametrize("language", ["anbn", "anbncn"])
def test_saying_the_end_after_each_b_is_right_once_in_length(language):
    task = Counting(language=language)
    batch = draw(task, 10, rows=20_000)
    short = batch.lengths == len(task.input_symbols)
    by_symbol = batch.targets[short][0][: task.inputs.size]  # what follows S, a, b (and c) where n is 1
    assert score(task, batch, by_symbol[batch.inputs]) == pytest.approx(task.chance(10), abs=0.01)


def test_counting_holds_what_is_due():
    task = Counting(language="anbncn")
    batch = draw(task, 9)
    held = task.remembered(batch)
    for row, length in enumerate(batch.lengths.tolist()):
        text = [task.input_symbols[symbol] for symbol in batch.inputs[row, :length]]
        for step in range(1, length):
            seen = Counter(text[: step + 1])
            assert held[row, step].tolist() == [seen["a"] - seen["b"], seen["a"] - seen["c"]]
        assert (held[row, length:] == -1).all()
        assert (held[row, 0] == -1).all()
        assert held[row, length - 1].tolist() == [0, 0]


@pytest.mark.parametrize("length", [2, 4, 100])
def test_a_noise_free_sequence_begins_and_ends_alike(length):
    task = NoiseFreeLag()
    batch = draw(task, length)
    assert batch.inputs.shape == (50, length)
    assert torch.equal(batch.targets[:, -1], batch.inputs[:, 0])
    assert torch.equal(batch.targets[:, :-1], batch.inputs[:, 1:])
    assert (batch.inputs[:, 1:] == torch.arange(2, length + 1)).all()
    assert batch.mask.nonzero()[:, 1].eq(length - 1).all()
    assert torch.equal(task.remembered(batch)[:, -1], batch.targets[:, -1])


def test_a_lag_beyond_the_alphabet_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="length 101 needs an alphabet of 102: --set alphabet=102"):
        NoiseFreeLag().refuse_length(101)
    assert NoiseFreeLag(alphabet=20).default_lengths == (4, 10)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Counting(language="anb"), "'anb'. Did you mean 'anbn'"),
        (lambda: NoiseFreeLag(alphabet=2), "alphabet=2"),
    ],
)
def test_a_wrong_option_is_refused(make, named):
    with pytest.raises(ValueError, match=named):
        make()
