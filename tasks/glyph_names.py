"""Glyph names: the picture of a character is captioned with its Unicode name, letter by letter."""

from __future__ import annotations

import importlib.util
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Classes, Split, Vectors, WritingTask

from ._ragged import Ragged
from ._split import digest_of, parts_of

_SIDE = 16  # pixels
_SIZE, _BASELINE = 11, 12  # of the font, in pixels
_FONT = ("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")
_LETTERS = " -0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # of Unicode names


class GlyphNames(FiniteTask, WritingTask):
    """A picture of a character is shown in one step; its Unicode name is written letter by letter: one-to-many.

    Example: the picture of the letter e with an acute accent is answered by LATIN SMALL LETTER E WITH ACUTE.

    The pictures, of 16 x 16 pixels, are drawn with the font DejaVu Sans, which comes with Matplotlib. Names are made of
    parts (script, case, letter, accent), so that a new picture can be named from parts seen before. `length` is the
    most letters of a name. A name counts if every letter is right. Alike characters of several scripts have one picture
    and cannot be told apart; a digest of the picture decides which split it belongs to: 70, 15 and 15 %.

    Inputs: the pixels, from 0 to 1, in the first step only, then the letter written last, one-hot.
    """

    reference = (
        "the shape of an image captioner: Vinyals et al. 2015, Show and Tell, arXiv:1411.4555, without its "
        "convolutional network; data: the font DejaVu Sans (Bitstream Vera licence), by Matplotlib, and the names of "
        "the Unicode Character Database (Unicode licence), by Python; no published numbers exist for it"
    )
    default_lengths = (35,)
    min_length = 8
    solved_at = 1.0
    accuracy_over = "sequences"
    end = 0
    targets = Classes(1 + len(_LETTERS))
    target_symbols = ("<end>", *_LETTERS.replace(" ", "\N{OPEN BOX}"))
    chance_is = "the most frequent name of the training data, held against the test data: all names differ"

    def __init__(self) -> None:
        glyphs = _glyphs()
        self.pictures = glyphs.pictures
        self.names = Ragged.of([_LETTERS.index(letter) + 1 for letter in name] for name in glyphs.names)
        self.inputs = Vectors(_SIDE**2 + len(_LETTERS))
        contents = [bytes(picture.tolist()) for picture in self.pictures]
        self.parts = parts_of(contents)
        self.data = digest_of([*contents, "\n".join(glyphs.names).encode()])
        self.most_answers = int(self.names.lengths.max()) + 1
        self._numbers: dict[tuple[Split, int], Tensor] = {}

    def count(self, split: Split, length: int) -> int:
        return len(self._of(split, length))

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        chosen = self._of(split, length)[numbers]
        names = self.names.padded(chosen, length)
        targets = torch.cat([names.values, torch.zeros(len(chosen), 1, dtype=torch.int64)], dim=1)
        inputs = torch.zeros(len(chosen), length + 1, self.inputs.size)
        inputs[:, 0, : _SIDE**2] = self.pictures[chosen].float() / 255
        inputs[:, 1:, _SIDE**2 :] = _one_hot(names.values)
        ends = names.lengths + 1
        return Batch(inputs, targets, torch.arange(length + 1) < ends[:, None], ends)

    def prompt(self, text: str) -> Tensor:
        if len(text) != 1 or ord(text) not in _characters():
            raise ValueError(f"takes one character of the font DejaVu Sans, whose picture is shown, got {text!r}")
        picture = _drawn(text).float() / 255
        return torch.cat([picture, torch.zeros(len(_LETTERS))]).view(1, 1, -1)

    def fed_back(self, answers: Tensor) -> Tensor:
        return torch.cat([torch.zeros(len(answers), _SIDE**2), _one_hot(answers)], dim=1).unsqueeze(1)

    def text_of(self, answers: Sequence[int]) -> str:
        return "".join(_LETTERS[answer - 1] for answer in answers)

    def _of(self, split: Split, length: int) -> Tensor:
        """The numbers of the glyphs of a split whose name is so short."""
        if (split, length) not in self._numbers:
            numbers = self.parts.of(split)
            self._numbers[split, length] = numbers[self.names.lengths[numbers] <= length]
        return self._numbers[split, length]


class _Glyphs(NamedTuple):
    pictures: Tensor  # uint8 (glyphs, pixels)
    names: list[str]


def _one_hot(answers: Tensor) -> Tensor:
    """Letters one-hot; nothing for the end."""
    return torch.eye(len(_LETTERS) + 1)[answers][..., 1:]


@cache
def _glyphs() -> _Glyphs:
    """Every character of the font that has a name and is not blank."""
    pictures, names = [], []
    for code in _characters():
        name = unicodedata.name(chr(code), "")
        picture = _drawn(chr(code))
        if name and picture.any():
            pictures.append(picture)
            names.append(name)
    return _Glyphs(torch.stack(pictures), names)


@cache
def _characters() -> dict[int, str]:
    from fontTools.ttLib import TTFont

    with TTFont(_font_file(), lazy=True) as font:
        return dict(sorted(font.getBestCmap().items()))


def _drawn(character: str) -> Tensor:
    """Its picture, uint8 (pixels,): 0 is white. The baseline is the same for all."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (_SIDE, _SIDE))
    ImageDraw.Draw(image).text((_SIDE / 2, _BASELINE), character, fill=255, font=_font(), anchor="ms")
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)


@cache
def _font():  # type: ignore[no-untyped-def]
    from PIL import ImageFont

    return ImageFont.truetype(_font_file(), _SIZE, layout_engine=ImageFont.Layout.BASIC)


def _font_file() -> str:
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent.joinpath(*_FONT))
