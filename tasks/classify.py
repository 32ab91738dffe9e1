"""Classify: the label of a text from a file of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Classes, Split, Tokens

from ._files import Example, lines_of, table_of
from ._units import Labels, Unit, shown, units_of

_USUAL = {"character": 200, "word": 50}  # length, where texts are longer


class Classify(FiniteTask):
    """A text is read symbol by symbol; after its last one the model says which label it has: many-to-one.

    `path` names a UTF-8 file with a label, a tab and a text on each line, such as `positive<tab>I liked it`. Further
    tabs belong to the text; empty lines are left out. `length` is the most symbols of a text that are read, from its
    beginning; `unit` is character or word. The 254 most frequent characters of the training data have a symbol, or the
    words that they have twice, 20,000 at most; one more stands for all others. A digest of the text decides its split:
    70, 15 and 15 %, so a text that stands there twice is in one of them.

    Words are fed by a learned embedding, characters one-hot.
    """

    reference = "the shape many-to-one, as in sentiment analysis; data: the file that is named, under its own licence"
    readout = "last"
    solved_at = 1.0
    default_lengths = (200,)
    chance_is = (
        "the most frequent label, or that of the last symbol read: fitted on training data, measured on test data"
    )

    def __init__(self, *, path: str, unit: Unit = "character") -> None:
        self.name, symbols, labels = path, units_of(unit), Labels()
        self.texts_and_labels = table_of(path, labelled_texts, [symbols, labels])
        self.data = self.texts_and_labels.digest
        if len(labels.names) < 2:
            raise ValueError(f"{path} has one label only, {labels.names[0]!r}: there is nothing to tell apart")
        texts, classes = self.texts_and_labels.columns
        self.texts, self.answers = texts, torch.from_numpy(classes.flat.astype("int64"))
        self.longest = int(texts.lengths.max())
        self.default_lengths = (min(_USUAL[unit], self.longest),)
        self.inputs = Tokens(len(symbols.names), embed=64 if unit == "word" else None)
        self.targets = Classes(len(labels.names))
        self.input_symbols, self.target_symbols = shown(symbols.names), shown(labels.names)

    def count(self, split: Split, length: int) -> int:
        return len(self.texts_and_labels.parts.of(split))

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        chosen = self.texts_and_labels.parts.of(split)[numbers]
        texts = self.texts.padded(chosen, length)
        mask = torch.ones(len(chosen), 1, dtype=torch.bool)
        return Batch(texts.values, self.answers[chosen].unsqueeze(1), mask, texts.lengths)

    def refuse_length(self, length: int) -> None:
        """No longer than the longest text."""
        if length > self.longest:
            raise ValueError(f"takes lengths up to {self.longest:,}, that of the longest text, got {length:,}")
        super().refuse_length(length)


def labelled_texts(path: Path) -> Iterator[Example]:
    """The text and the label of each line."""
    for number, line in lines_of(path):
        if not line.strip():
            continue
        label, tab, text = line.partition("\t")
        if not tab or not label.strip() or not text.strip():
            missing = "no tab" if not tab else "no label" if not label.strip() else "no text"
            raise ValueError(f"{path}, line {number} has {missing}: each line is a label, a tab and a text")
        yield Example(text, (text, label.strip()))
