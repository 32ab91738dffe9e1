"""Translate: from a source text to its target, both from a file of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ._files import Example, lines_of, table_of
from ._pairs import Pairs
from ._units import Unit, shown, units_of

_USUAL = {"character": 30, "word": 10}  # length, where sources are longer


class Translate(Pairs):
    """A source is read symbol by symbol, then its target is written symbol by symbol: delayed many-to-many.

    `path` names a UTF-8 file with a source, a tab and its target on each line; what follows a second tab is left out,
    and so are empty lines. `length` is the most symbols of a source; longer ones are left out. `unit` is character or
    word.
    The 254 most frequent characters of the training data have a symbol, or the words that they have twice, 20,000 at
    most; one more stands for all others. A target counts if every symbol is right, so a sentence has one right
    translation only. A digest of the source decides its split: 70, 15 and 15 %.
    """

    reference = (
        "reading, then writing: Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning with Neural Networks; "
        "data: the file that is named, under its own licence"
    )
    default_lengths = (30,)
    unwritten = (1,)

    def __init__(self, *, path: str, unit: Unit = "character") -> None:
        self.unit, self.reads, writes = unit, units_of(unit), units_of(unit, first=1)
        table = table_of(path, pairs_of_texts, [self.reads, writes])
        self.sources, self.answers = table.columns
        self.parts, self.data = table.parts, table.digest
        self.written = writes.names
        self._declare(shown(self.reads.names), shown(writes.names), embed=64 if unit == "word" else None)
        self.default_lengths = (min(_USUAL[unit], self.longest),)
        shortest = [self.sources.lengths[numbers].min() for numbers in self.parts if len(numbers)]
        self.min_length = int(max(shortest))  # from here on each split has a pair
        self.most_answers = int(self.answers.lengths.max()) + 1

    def prompt(self, text: str) -> Tensor:
        return torch.tensor([[*self.reads.symbols(text), self.write]])

    def text_of(self, answers: Sequence[int]) -> str:
        return (" " if self.unit == "word" else "").join(self.written[answer - 1] for answer in answers)


def pairs_of_texts(path: Path) -> Iterator[Example]:
    """The source and the target of each line."""
    for number, line in lines_of(path):
        if not line.strip():
            continue
        source, _, rest = line.partition("\t")
        target = rest.partition("\t")[0]
        if not source.strip() or not target.strip():
            missing = "target" if source.strip() else "source"
            raise ValueError(f"{path}, line {number} has no {missing}: each line is a source, a tab and a target")
        yield Example(source, (source, target))
