"""Digits: which digit is a handwritten one, read pixel by pixel."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Classes, Split, Vectors

from ._split import digest_of, parts_of

_SIDE = 8
_BLACK = 16


class Digits(FiniteTask):
    """A handwritten digit is read pixel by pixel, row after row; after the last pixel the model says which it is.

    `length` is the number of pixels, a square: 64 are the images as they are, of 8 x 8 pixels. At another length they
    are scaled: 256 shows the same in four times as many steps, 16 shows less. With `permuted` the pixels come in one
    random order that is the same for all images, so that neighbours lie far apart.

    There are 1797 images. Which of them are training, validation and test data a digest of their pixels decides: 70, 15
    and 15 %. They are the test part of a larger collection, so results on other splits of them, on MNIST or on permuted
    MNIST cannot be compared with these.
    """

    reference = (
        "pixel by pixel, and permuted: after Le, Jaitly & Hinton 2015, A Simple Way to Initialize Recurrent Networks "
        "of Rectified Linear Units, arXiv:1504.00941; data: Alpaydin & Kaynak 1998, Optical Recognition of Handwritten "
        "Digits, UCI Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0, as scikit-learn (BSD-3) brings it"
    )
    min_length = 4
    default_lengths = (64,)
    solved_at = 0.95
    readout = "last"
    inputs = Vectors(1)
    targets = Classes(10)
    target_symbols = tuple(map(str, range(10)))
    chance_is = (
        "the most frequent digit of the training data for each shade of the last pixel, held against the test data"
    )

    def __init__(self, *, permuted: bool = False) -> None:
        self.permuted = permuted
        self.images, self.answers = _images()
        contents = [bytes(image) for image in self.images.flatten(1).int().tolist()]
        self.data = digest_of([*contents, bytes(self.answers.tolist())])
        self.parts = parts_of(contents)

    def count(self, split: Split, length: int) -> int:
        return len(self.parts.of(split))

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        chosen = self.parts.of(split)[numbers]
        pixels = _scaled(self.images[chosen], math.isqrt(length)).flatten(1)
        if self.permuted:
            pixels = pixels[:, _order(length)]
        mask = torch.ones(len(chosen), 1, dtype=torch.bool)
        return Batch(pixels.unsqueeze(2), self.answers[chosen].unsqueeze(1), mask)

    def refuse_length(self, length: int) -> None:
        """A length is a number of pixels of a square image."""
        super().refuse_length(length)
        side = math.isqrt(length)
        if side**2 != length:
            raise ValueError(f"takes squares ({side**2}, {(side + 1) ** 2}): the pixels of an image, got {length}")


def _scaled(images: Tensor, side: int) -> Tensor:
    """Images with this many pixels a side, from 0 (white) to 1 (black)."""
    images = images / _BLACK
    if side == _SIDE:
        return images
    size = (side, side)
    return F.interpolate(images.unsqueeze(1), size, mode="bilinear", align_corners=False, antialias=True).squeeze(1)


@cache
def _order(length: int) -> Tensor:
    return torch.randperm(length, generator=torch.Generator().manual_seed(length))


@cache
def _images() -> tuple[Tensor, Tensor]:
    """All images, float32 (images, 8, 8) from 0 to 16, and the digits that they show."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return torch.tensor(found.images, dtype=torch.float32), torch.tensor(found.target, dtype=torch.int64)
