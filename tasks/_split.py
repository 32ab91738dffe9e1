"""Which split a sequence of given data belongs to: its content decides, so that equal ones are in one split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from harness.task import Split

_SHARES: dict[Split, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}


class Parts(NamedTuple):
    """The numbers of the sequences of each split, int64, in order."""

    train: Tensor
    validation: Tensor
    test: Tensor

    def of(self, split: Split) -> Tensor:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


def place_of(content: bytes) -> float:
    """From 0 to 1, by a digest of the content."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") / 2**64


def split_of(content: bytes) -> Split:
    """The split that a content belongs to: seven in ten are training data, the rest validation and test data."""
    place = place_of(content)
    if place < _SHARES["train"]:
        return "train"
    return "validation" if place < _SHARES["train"] + _SHARES["validation"] else "test"


def parts_of(contents: Iterable[bytes]) -> Parts:
    """The contents by their splits."""
    numbers: dict[Split, list[int]] = {"train": [], "validation": [], "test": []}
    for number, content in enumerate(contents):
        numbers[split_of(content)].append(number)
    return Parts(*(torch.tensor(found, dtype=torch.int64) for found in numbers.values()))


def digest_of(contents: Iterable[bytes]) -> str:
    """16 hexadecimal digits for some contents in their order."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]
