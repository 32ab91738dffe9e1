"""Character-level language model: the next character of a text."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Split, Tokens, WritingTask

from ._source_text import modules
from ._text_features import features_of

_MOST_BYTES = 100_000_000
_OWN_CHARACTERS = 500_000  # of the default text, at least
_PARTS: dict[Split, tuple[float, float]] = {"train": (0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1)}


class CharLM(WritingTask):
    """The next character after each of `length` characters of a text. Scored is the last one, after exactly so many.

    Example with `length` 8: after `def main` comes `(`.

    All steps of a sequence are learned (teacher forcing). `path` names a UTF-8 text; by default it is the source of
    Python's own standard library: its modules in the order of their names, half a million characters, so it differs
    between versions of Python. Its first 80 % are training data, the next 10 % validation data and the last 10 % test
    data. Symbols: 0 stands for any other character, then come the 255 most frequent ones of the whole text. Windows are
    drawn anywhere, and no state goes from one to the next.

    No text can be predicted wholly, so no length counts as solved (`solved_at` is 1): look at bits per character.
    """

    reference = (
        "after Mikolov et al. 2012, Subword Language Modeling with Neural Networks, and Graves 2013, Generating "
        "Sequences With Recurrent Neural Networks, arXiv:1308.0850"
    )
    default_lengths = (1, 5, 20, 100)
    solved_at = 1.0
    unwritten = (0,)
    chance_is = "what follows a character most often in the training part, held against the test part"

    targets: Classes

    def __init__(self, *, path: str = "") -> None:
        self.name = path or "the source of Python's standard library"
        self.text = _read(path) if path else _own_text()
        self.data = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        self.characters = "".join(sorted(c for c, _ in Counter(self.text).most_common(255)))
        if len(self.characters) < 2:
            raise ValueError(f"{self.name} holds one kind of character only: there is nothing to predict")
        self.inputs, self.targets = Tokens(len(self.characters) + 1), Classes(len(self.characters) + 1)
        self.input_symbols = self.target_symbols = ["other", *map(self._name, self.characters)]
        self.symbols = self.encoded(self.text)
        self.best = self._accuracy_of_pairs()

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch of the training part."""
        return self.sample_from("train", generator, batch_size, length)

    def sample_from(self, split: Split, generator: Generator, batch_size: int, length: int) -> Batch:
        part = self._part(split)
        begins = torch.randint(len(part) - length, (batch_size, 1), generator=generator)
        window = part[begins + torch.arange(length + 1)]
        everywhere = torch.ones(batch_size, length, dtype=torch.bool)
        last = everywhere & (torch.arange(length) == length - 1)
        return Batch(window[:, :-1], window[:, 1:], last, loss_mask=everywhere)

    def chance(self, length: int) -> float:
        """What follows a character most often in the training part, held against the test part."""
        return self.best

    def refuse_length(self, length: int) -> None:
        """A window of each part must hold one character more than `length`."""
        super().refuse_length(length)
        most = len(self._part("test")) - 1
        if length > most:
            raise ValueError(f"{self.name} is too short: its tenth for tests has room for length {most}, not {length}")

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """What text like source code makes natural: the place in the line, indentation, quotes and brackets."""
        return features_of([self.text_of(row) for row in batch.inputs.tolist()])

    def encoded(self, text: str) -> Tensor:
        """Characters to symbols, int64 (characters,)."""
        index = {character: number for number, character in enumerate(self.characters, start=1)}
        return torch.tensor([index.get(character, 0) for character in text], dtype=torch.int64)

    def prompt(self, text: str) -> Tensor:
        strange = sorted(set(text) - set(self.characters))
        if strange:
            shown = " ".join(map(repr, strange[:5]))
            raise ValueError(f"{shown} is no character of the text that was learned: leave it out")
        return self.encoded(text).unsqueeze(0)

    def fed_back(self, answers: Tensor) -> Tensor:
        return answers.unsqueeze(1)

    def text_of(self, answers: Sequence[int]) -> str:
        """Symbols to characters; U+FFFD for any other."""
        known = f"\N{REPLACEMENT CHARACTER}{self.characters}"
        return "".join(known[answer] for answer in answers)

    def _name(self, character: str) -> str:
        """A visible text for a character."""
        if character == " ":
            return "\\s" if "\N{OPEN BOX}" in self.characters else "\N{OPEN BOX}"
        return character if character.isprintable() else repr(character)[1:-1]

    def _part(self, split: Split) -> Tensor:
        begin, end = (round(share * len(self.symbols)) for share in _PARTS["validation" if split == "probe" else split])
        return self.symbols[begin:end]

    def _accuracy_of_pairs(self) -> float:
        size = self.inputs.size
        train, test = (self._part("train"), self._part("test"))
        if len(test) < 2:
            raise ValueError(f"{self.name} has {len(self.text)} characters, and 20 are the fewest to learn from")
        counts = torch.bincount(train[:-1] * size + train[1:], minlength=size**2).reshape(size, size)
        best = counts.argmax(dim=1)
        return (best[test[:-1]] == test[1:]).double().mean().item()


def _read(path: str) -> str:
    try:
        if Path(path).stat().st_size > _MOST_BYTES:
            raise ValueError(f"{path} has more than {_MOST_BYTES:,} bytes; cut a part out of it")
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8, or name a text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if "\0" in text:
        raise ValueError(f"{path} is binary (it holds zero bytes): name a text")
    if not text.strip():
        raise ValueError(f"{path} is empty: name a text to learn from")
    return text


@cache
def _own_text() -> str:
    return "".join(modules(_OWN_CHARACTERS))
