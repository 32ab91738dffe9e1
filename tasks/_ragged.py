"""Rows of unequal length, held as one flat array: what given sequences of symbols are kept in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Padded(NamedTuple):
    """Rows side by side."""

    values: Tensor  # int64 (rows, most)
    lengths: Tensor  # int64 (rows,): 0 .. most
    valid: Tensor  # bool (rows, most)


class Ragged:
    """Rows of symbols; `flat` may be a file on disk that is read where it is needed."""

    def __init__(self, flat: np.ndarray, offsets: np.ndarray) -> None:
        self.flat, self.offsets = flat, offsets

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]]) -> Ragged:
        parts = [np.asarray(row, dtype=np.int32) for row in rows]
        offsets = np.cumsum([0, *map(len, parts)])
        return cls(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> Tensor:
        """int64 (rows,)."""
        return torch.from_numpy(np.diff(self.offsets).astype(np.int64))

    def row(self, number: int) -> list[int]:
        found: list[int] = self.flat[self.offsets[number] : self.offsets[number + 1]].tolist()
        return found

    def padded(self, numbers: Tensor, most: int) -> Padded:
        """Some rows, each cut after `most` symbols, and zeros behind its end."""
        chosen = numbers.numpy()
        begins, ends = self.offsets[chosen], self.offsets[chosen + 1]
        lengths = np.minimum(ends - begins, most)
        step = np.arange(most)
        valid = step < lengths[:, None]
        places = np.where(valid, begins[:, None] + step, 0)
        values = np.where(valid, self.flat[places], 0).astype(np.int64)
        return Padded(torch.from_numpy(values), torch.from_numpy(lengths.astype(np.int64)), torch.from_numpy(valid))
