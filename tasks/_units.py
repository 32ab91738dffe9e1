"""What a text is read in: characters, words, or labels that are taken whole. Each becomes a number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

Unit = Literal["character", "word"]
Row = str | list[str]
"""A text, or the words of one."""
_Encoded = tuple[np.ndarray, np.ndarray]
"""The symbols of some rows behind each other, and how many each row has."""

OTHER = "<other>"
_MOST_CHARACTERS = 254
_MOST_WORDS = 20_000
_SEEN = 2  # times in training data, for a word to have a symbol: so the symbol for others is learned
_CODES = 0x110000


class Units(ABC):
    """The symbols of one column, counted first, then settled. `first` is the number of the first symbol."""

    everywhere: ClassVar[bool] = False  # whether they are counted over all data, not over training data alone
    dtype: ClassVar[Any] = np.uint16

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.names: list[str] = []

    @property
    def key(self) -> str:
        """What the encoded form depends on beside the text."""
        return f"{type(self).__name__}{self.first}"

    @abstractmethod
    def count(self, rows: Sequence[Row]) -> None:
        """Notes what rows are made of."""

    @abstractmethod
    def most_frequent(self) -> list[str]:
        """The names of the symbols, in the order of their numbers."""

    def settle(self, names: list[str]) -> None:
        """Gives each name its number."""
        self.names = names
        self.number = {name: number for number, name in enumerate(names, start=self.first)}

    @abstractmethod
    def encode(self, rows: Sequence[Row]) -> _Encoded:
        """The rows as symbols, once settled."""

    def symbols(self, row: Row) -> list[int]:
        """One row as symbols."""
        found: list[int] = self.encode([row])[0].tolist()
        return found


class Characters(Units):
    """Each character of a text; the 254 most frequent of the training data, and one symbol for others."""

    def __init__(self, first: int = 0) -> None:
        super().__init__(first)
        self.counts = np.zeros(_CODES, dtype=np.int64)

    def count(self, rows: Sequence[Row]) -> None:
        codes, times = np.unique(_codes("".join(map("".join, rows))), return_counts=True)
        self.counts[codes] += times

    def most_frequent(self) -> list[str]:
        best = np.argsort(-self.counts, kind="stable")[:_MOST_CHARACTERS]
        return [OTHER, *sorted(chr(code) for code in best if self.counts[code])]

    def settle(self, names: list[str]) -> None:
        super().settle(names)
        self.table = np.full(_CODES, self.first, dtype=self.dtype)
        for number, name in enumerate(names[1:], start=self.first + 1):
            self.table[ord(name)] = number

    def encode(self, rows: Sequence[Row]) -> _Encoded:
        return self.table[_codes("".join(map("".join, rows)))], np.array([len(row) for row in rows], dtype=np.int64)


class Words(Units):
    """Each word of a text, between blanks; those that the training data have twice, and one symbol for others."""

    def __init__(self, first: int = 0) -> None:
        super().__init__(first)
        self.counts: Counter[str] = Counter()

    def count(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.counts.update(_words(row))

    def most_frequent(self) -> list[str]:
        found = [word for word, times in self.counts.most_common(_MOST_WORDS) if times >= _SEEN]
        return [OTHER, *sorted(set(found) - {OTHER})]

    def encode(self, rows: Sequence[Row]) -> _Encoded:
        split = [_words(row) for row in rows]
        number, other = self.number, self.first
        symbols = [number.get(word, other) for words in split for word in words]
        return np.array(symbols, dtype=self.dtype), np.array([len(words) for words in split], dtype=np.int64)


class Labels(Units):
    """Classes: each label of a row, whole. They are those of all data."""

    everywhere = True

    def __init__(self, first: int = 0) -> None:
        super().__init__(first)
        self.found: set[str] = set()

    def count(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.found.update(_labels(row))

    def most_frequent(self) -> list[str]:
        return sorted(self.found)

    def encode(self, rows: Sequence[Row]) -> _Encoded:
        split = [_labels(row) for row in rows]
        symbols = [self.number[label] for labels in split for label in labels]
        return np.array(symbols, dtype=self.dtype), np.array([len(labels) for labels in split], dtype=np.int64)


def units_of(unit: Unit, first: int = 0) -> Units:
    return Words(first) if unit == "word" else Characters(first)


def shown(names: Sequence[str]) -> list[str]:
    """The names as a person sees them: no blank, no line break; all different."""
    blank = "\\s" if "\N{OPEN BOX}" in names else "\N{OPEN BOX}"
    visible = (name if name.isprintable() else repr(name)[1:-1] for name in names)
    return [blank if name == " " else name for name in visible]


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _words(row: Row) -> list[str]:
    return row.split() if isinstance(row, str) else row


def _labels(row: Row) -> list[str]:
    return [row] if isinstance(row, str) else row
