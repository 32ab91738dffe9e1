"""Tasks whose answers are written: pairs, pictures with names, and what a model that is fed its own answers gives."""

from __future__ import annotations

import pytest
import torch
from harness.tasks.glyph_names import GlyphNames
from harness.tasks.translate import Translate

from harness.architecture import Architecture
from harness.testing import TaskContract
from harness.training.evaluate import score
from harness.training.model import Model
from harness.training.sampling import edit_distance, free_running, prompt_of, written


@pytest.fixture
def numbers(tmp_path):
    """A file of numbers and their digits in words."""
    path = tmp_path / "numbers.tsv"
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    path.write_text("".join(f"{n}\t{' '.join(names[int(digit)] for digit in str(n))}\n" for n in range(1, 2000)))
    return str(path)


@pytest.fixture(scope="module")
def glyphs():
    return GlyphNames()


class TestTranslate(TaskContract):
    lengths = (3, 4)

    @pytest.fixture
    def task(self, numbers):
        return Translate(path=numbers)


def test_a_source_is_read_and_its_target_written_behind_it(numbers):
    task = Translate(path=numbers)
    batch = task.take("test", 4, torch.tensor([0]))
    said = [task.input_symbols[symbol] for symbol in batch.inputs[0, : batch.lengths[0]]]
    begin = said.index("<write>")
    assert "".join(said[:begin]).isdecimal()
    assert [task.target_symbols[answer] for answer in batch.targets[0][batch.mask[0]]] == [*said[begin + 1 :], "<end>"]
    first = batch.targets[0, begin : begin + 1]
    assert torch.equal(task.fed_back(first), batch.inputs[:, begin + 1 : begin + 2])


def test_what_is_fed_back_is_what_teacher_forcing_feeds(glyphs):
    batch = glyphs.take("train", 30, torch.arange(50))
    follows = batch.mask[:, 1:] & batch.mask[:, :-1]
    for step in range(30):
        rows = follows[:, step]
        assert torch.equal(glyphs.fed_back(batch.targets[rows, step])[:, 0], batch.inputs[rows, step + 1])


def test_a_picture_is_shown_once_and_alike_pictures_are_in_one_split(glyphs):
    batch = glyphs.take("test", 30, torch.arange(50))
    assert batch.inputs[:, 0].any(dim=1).all()
    assert not batch.inputs[:, 1:, : 16 * 16].any()
    pictures = {split: {bytes(glyphs.pictures[n].tolist()) for n in glyphs.parts.of(split)} for split in SPLITS}
    assert not pictures["train"] & pictures["test"]
    assert sum(map(len, pictures.values())) < len(glyphs.pictures)  # Latin, Greek and Cyrillic A are one picture


SPLITS = ("train", "validation", "test")


def test_the_prompt_is_the_picture_that_is_trained_on(glyphs):
    (number,) = [n for n in range(len(glyphs.names)) if glyphs.text_of(glyphs.names.row(n)) == "LATIN SMALL LETTER A"]
    assert torch.equal(glyphs.prompt("a")[0, 0, : 16 * 16] * 255, glyphs.pictures[number].float())
    with pytest.raises(ValueError, match="takes one character"):
        glyphs.prompt("ab")


def test_edit_distance_counts_insertions_deletions_and_replacements():
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == edit_distance("abc", "") == 3
    assert edit_distance([1, 2, 3], [1, 2, 3]) == 0


class ByHeart(Model):
    """Knows every target by its source, and says it, except that it may say a wrong first answer."""

    def __init__(self, task, wrong_first=False):
        super().__init__(Architecture(task.inputs.size, 1), task)
        self.task, self.wrong_first = task, wrong_first
        self.architecture.stateful = False

    def forward(self, inputs, lengths=None, state=None):
        """At each step the likeliest class; after a wrong answer it goes on wrongly, as a model does that is misled."""
        classes = self.task.targets.size
        scores = torch.zeros(*inputs.shape, 1, classes)
        for row, symbols in enumerate(inputs.tolist()):
            begin = symbols.index(self.task.write) if self.task.write in symbols else len(symbols)
            target = self.targets_of.get(tuple(symbols[:begin]), [])
            for step in range(begin, len(symbols)):
                said = [symbol - self.task.write for symbol in symbols[begin + 1 : step + 1]]
                right = [*target, 0][len(said)] if said == target[: len(said)] else 2
                scores[row, step, 0, 3 if self.wrong_first and not said else right] = 1
        return scores, None


def taught(numbers, **options):
    task = Translate(path=numbers)
    model = ByHeart(task, **options)
    pairs = range(len(task.sources))
    model.targets_of = {tuple(task.sources.row(n)): task.answers.row(n) for n in pairs}
    return task, model


def test_a_model_that_is_right_writes_what_is_right_and_one_that_errs_is_led_astray_by_itself(numbers):
    task, model = taught(numbers)
    batch = task.take("test", 4, torch.arange(40))
    right = [[*task.answers.row(n), 0] for n in task.parts.test[:40].tolist()]
    assert free_running(model, task, batch) == right
    scores = score(model, task, [batch], torch.device("cpu"), free=True)
    assert (scores.accuracy, scores.forced_error, scores.free_error) == (1, 0, 0)
    wrong = score(taught(numbers, wrong_first=True)[1], task, [batch], torch.device("cpu"), free=True)
    assert 0 < wrong.forced_error < wrong.free_error  # the gap is the exposure
    assert score(model, task, [batch], torch.device("cpu")).free_error is None


def test_a_trained_model_writes_up_to_the_end(numbers):
    task, model = taught(numbers)
    found = written(model, task, prompt_of(task, "407"), 60, 0, 0)
    assert task.text_of(found) == "four zero seven"
