"""Code tags: each character of a Python program gets its class, such as string, comment or keyword."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Classes, Split, Tokens

from ._source_text import modules
from ._split import digest_of, split_of
from ._text_features import features_of

_TAGS = ("blank", "keyword", "name", "number", "operator", "string", "comment")
_CHARACTERS = 1_000_000  # of the library, at least
_OF = {
    tokenize.NUMBER: "number",
    tokenize.OP: "operator",
    tokenize.STRING: "string",
    tokenize.COMMENT: "comment",
}
_SYMBOLS = ["other", "\n", *map(chr, range(32, 127))]


class CodeTags(FiniteTask):
    """Each character of a piece of Python source is classed as part of a keyword, name, number, operator, string, ...

    Example: in `if x: # no` the classes are keyword keyword blank name operator blank comment comment comment comment.

    Strings and comments run over many characters and lines, so whether a word is code takes memory; whether `in` is a
    keyword or the beginning of a longer name takes the future: an architecture that reads both ways has more to go by.
    `length` is the number of characters. The pieces are cut from the modules of Python's own standard library, a
    million characters, so they differ between versions of Python. A digest of each top-level definition decides which
    split it belongs to; pieces that occur in two splits are left to training. The classes are those that Python's
    tokenizer finds.

    No length counts as solved (`solved_at` is 1): a piece may begin inside a string.
    """

    reference = (
        "aligned tagging with both directions: Graves & Schmidhuber 2005, Framewise Phoneme Classification with "
        "Bidirectional LSTM; data: the standard library of the Python that runs it (PSF licence), tagged by its module "
        "tokenize; no published numbers exist for it"
    )
    default_lengths = (100,)
    min_length = 2
    solved_at = 1.0
    inputs = Tokens(len(_SYMBOLS))
    targets = Classes(len(_TAGS))
    input_symbols = ("other", "\\n", "\N{OPEN BOX}", *_SYMBOLS[3:])
    target_symbols = _TAGS
    chance_is = "the most frequent class of each character in the training data, held against the test data"

    def __init__(self) -> None:
        self.texts = _tagged()
        self.data = digest_of(part.tobytes() for tagged in self.texts.values() for part in tagged)
        self._begins: dict[int, dict[Split, Tensor]] = {}

    def count(self, split: Split, length: int) -> int:
        return len(self._pieces(length)[split])

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        begins = self._pieces(length)[split][numbers]
        places = (begins[:, None] + torch.arange(length)).numpy()
        symbols, tags = (torch.from_numpy(part[places].astype(np.int64)) for part in self.texts[split])
        return Batch(symbols, tags, torch.ones_like(symbols, dtype=torch.bool))

    def refuse_length(self, length: int) -> None:
        """Every split must have a piece so long."""
        most = min(len(text.symbols) for text in self.texts.values())
        if length > most:
            raise ValueError(f"takes lengths up to {most:,}, the characters of its test data, got {length:,}")
        super().refuse_length(length)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """The place in the line, indentation, quotes and brackets."""
        return features_of(["".join(_SYMBOLS[n] if n else "?" for n in row) for row in batch.inputs.tolist()])

    def _pieces(self, length: int) -> dict[Split, Tensor]:
        """Where the pieces of a length begin, by split; those of training data are left out of the others."""
        if length not in self._begins:
            found: dict[Split, Tensor] = {}
            seen: set[bytes] = set()
            for split, text in self.texts.items():
                begins = range(0, len(text.symbols) - length + 1, length)
                contents = [text.symbols[begin : begin + length].tobytes() for begin in begins]
                kept = [begin for begin, content in zip(begins, contents, strict=True) if content not in seen]
                found[split] = torch.tensor(kept if seen else list(begins), dtype=torch.int64)
                seen.update(contents)
            self._begins[length] = found
        return self._begins[length]


class _Tagged(NamedTuple):
    """A text and the class of each of its characters, uint8."""

    symbols: np.ndarray
    tags: np.ndarray


@cache
def _tagged() -> dict[Split, _Tagged]:
    """The definitions of each split, one behind the other."""
    texts: dict[Split, list[str]] = {"train": [], "validation": [], "test": []}
    tags: dict[Split, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for text in modules(_CHARACTERS):
        try:
            found = tags_of(text)
        except (tokenize.TokenError, SyntaxError):  # a module that is meant to be broken
            continue
        for begin, end in _definitions(text):
            split = split_of(text[begin:end].encode())
            texts[split].append(text[begin:end])
            tags[split].append(found[begin:end])
    return {split: _Tagged(_encoded("".join(parts)), np.concatenate(tags[split])) for split, parts in texts.items()}


def _definitions(text: str) -> Iterator[tuple[int, int]]:
    """Where the parts of a module begin and end that two empty lines keep apart."""
    begin = 0
    for found in re.finditer(r"\n\n\n(?=\S)", text):
        yield begin, found.end()
        begin = found.end()
    yield begin, len(text)


def tags_of(text: str) -> np.ndarray:
    """The class of each character, uint8 (characters,)."""
    begins = np.cumsum([0, *(len(line) + 1 for line in text.split("\n"))])
    tags = np.zeros(len(text), dtype=np.uint8)
    for name, begin, end in _tokens(text):
        tags[begins[begin[0] - 1] + begin[1] : begins[end[0] - 1] + end[1]] = _TAGS.index(name)
    return tags


_Place = tuple[int, int]


def _tokens(text: str) -> Iterator[tuple[str, _Place, _Place]]:
    """The class, begin and end of each token; f-strings are strings from their first quote to their last."""
    inside: list[_Place] = []  # where the f-strings that are open begin
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_START"):
            inside.append(token.start)
        elif name.endswith("STRING_END"):
            yield "string", inside.pop(), token.end
        elif token.type == tokenize.NAME and not inside:
            yield "keyword" if keyword.iskeyword(token.string) else "name", token.start, token.end
        elif token.type in _OF and not inside:
            yield _OF[token.type], token.start, token.end


def _encoded(text: str) -> np.ndarray:
    """Characters to symbols, uint8; 0 for what is not plain ASCII."""
    table = np.zeros(0x110000, dtype=np.uint8)
    table[[ord(character) for character in _SYMBOLS[1:]]] = np.arange(1, len(_SYMBOLS))
    return table[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)]
