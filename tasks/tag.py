"""Tag: the tag of each word of a sentence from a file of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Classes, Split, Tokens

from ._files import Example, lines_of, table_of
from ._units import Labels, Words, shown

_USUAL = 40  # words
_CONLLU = 10  # columns
_FORM, _UPOS = 1, 3
_NONE = ("", "_")


class Tag(FiniteTask):
    """Each word of a sentence gets its tag, such as its part of speech: aligned many-to-many.

    `path` names a UTF-8 file in CoNLL-U, of which the form and the universal part of speech are taken, or with a word
    and its tag on each line, with a tab or blanks between them; of further columns the first is the word and the last
    the tag. An empty line ends a sentence. `length` is the most words of a sentence that are read. Words that the
    training data have twice have a symbol, 20,000 at most; one more stands for all others. A digest of the sentence
    decides its split: 70, 15 and 15 %.

    What follows a word often decides its tag: an architecture that reads both ways has more to go by.
    """

    reference = "the shape many-to-many, as in tagging; data: the file that is named, under its own licence"
    solved_at = 1.0
    default_lengths = (_USUAL,)
    chance_is = "the most frequent tag of each word in the training data, held against the test data"

    def __init__(self, *, path: str, embed: int = 64) -> None:
        if embed < 1:
            raise ValueError(f"words are fed by a learned embedding: embed >= 1, got embed={embed}")
        words, tags = Words(), Labels()
        self.sentences = table_of(path, tagged_sentences, [words, tags])
        self.data = self.sentences.digest
        if len(tags.names) < 2:
            raise ValueError(f"{path} has one tag only, {tags.names[0]!r}: there is nothing to tell apart")
        self.words, self.tags = self.sentences.columns
        self.longest = int(self.words.lengths.max())
        self.default_lengths = (min(_USUAL, self.longest),)
        self.inputs, self.targets = Tokens(len(words.names), embed), Classes(len(tags.names))
        self.input_symbols, self.target_symbols = shown(words.names), shown(tags.names)

    def count(self, split: Split, length: int) -> int:
        return len(self.sentences.parts.of(split))

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        chosen = self.sentences.parts.of(split)[numbers]
        words, tags = self.words.padded(chosen, length), self.tags.padded(chosen, length)
        return Batch(words.values, tags.values, words.valid, words.lengths)

    def refuse_length(self, length: int) -> None:
        """No longer than the longest sentence."""
        if length > self.longest:
            raise ValueError(f"takes lengths up to {self.longest:,}, that of the longest sentence, got {length:,}")
        super().refuse_length(length)


def tagged_sentences(path: Path) -> Iterator[Example]:
    """The words and the tags of each sentence."""
    words: list[str] = []
    tags: list[str] = []
    for number, line in lines_of(path):
        if not line.strip():
            if words:
                yield Example(" ".join(words), (words, tags))
            words, tags = [], []
        elif not (line.startswith("#") and "\t" not in line and not words):  # a comment above a sentence
            pair = _word_and_tag(line)
            if pair is None:
                raise ValueError(f"{path}, line {number} has no tag: each line is a word and its tag, or CoNLL-U")
            if pair:
                words.append(pair[0])
                tags.append(pair[1])
    if words:
        yield Example(" ".join(words), (words, tags))


def _word_and_tag(line: str) -> tuple[str, str] | tuple[()] | None:
    """None where one is missing; () for a line of CoNLL-U that is no word of its own, as `3-4` or `8.1`."""
    columns = line.split("\t") if "\t" in line else line.split()
    if len(columns) == _CONLLU:
        if not columns[0].isdecimal():
            return ()
        word, tag = columns[_FORM].strip(), columns[_UPOS].strip()
    else:
        word, tag = columns[0].strip(), columns[-1].strip() if len(columns) > 1 else ""
    return None if not word or tag in _NONE else (word.replace(" ", "\N{NO-BREAK SPACE}"), tag)
