"""Forecast: the next value of a series, from a file of one's own or from a package."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from harness.finite import FiniteTask
from harness.task import Batch, Split, Vectors, refuse_unknown

from ._files import lines_of
from ._packages import file_of

_FROM_PACKAGES = {"sunspots": ("statsmodels", ("datasets", "sunspots", "sunspots.csv"), "SUNACTIVITY")}
_SHARES: dict[Split, tuple[float, float]] = {"train": (0, 0.7), "validation": (0.7, 0.85), "test": (0.85, 1)}
_FEWEST = 20  # values of a series


class Forecast(FiniteTask):
    """The value that follows `length` values of a series, `ahead` steps later. Scored is the last step.

    Example with `length` 4: 0.1 0.4 0.6 0.5 is answered by 0.2. All steps are learned.

    `series` names one that an optional package brings (sunspots: yearly, from 1700 to 2008; pip install
    'rnn-harness[data]'). Or `path` names a CSV file with a line of headings, and `column` its column; a file with one
    column of numbers needs no name. Values are in standard deviations of the training data, from their mean. An answer
    counts as right within `tolerance` of them. Of `changes`, from each value to the next, the logarithms are taken
    where all values are positive, as with prices. The first 70 % of the series are training data, the next 15 %
    validation data and the last 15 % test data; a sequence lies within one part.

    Chance is the better of two predictors without memory: tomorrow as today, and always the mean. Prices are near a
    random walk, so "tomorrow as today" is hard to beat by an honest model, and a score far above chance is a reason to
    look for a leak. No length counts as solved (`solved_at` is 1).
    """

    reference = (
        "after Box & Jenkins 1970, Time Series Analysis; sunspots: NOAA's National Geophysical Data Center, public "
        "domain, as statsmodels (BSD-3) brings it; a file has its own licence"
    )
    default_lengths = (24,)
    solved_at = 1.0
    needs_causal = True
    inputs = Vectors(1)
    targets: Vectors
    chance_is = (
        "the better of tomorrow as today and always the mean; prices are near a random walk, where hardly anything is "
        "better than tomorrow as today"
    )

    def __init__(
        self,
        *,
        series: str = "",
        path: str = "",
        column: str = "",
        of: Literal["values", "changes"] = "values",
        ahead: int = 1,
        tolerance: float = 0.25,
    ) -> None:
        if bool(series) == bool(path):
            known = ", ".join(_FROM_PACKAGES)
            raise ValueError(f"takes one of series ({known}) and path: --set series=sunspots, or --set path=FILE.csv")
        if ahead < 1 or tolerance <= 0:
            raise ValueError(f"ahead >= 1 and tolerance > 0 must hold, got ahead={ahead} and tolerance={tolerance}")
        self.name, self.ahead = series or path, ahead
        values = _series(series) if series else _column(Path(path), column)
        if len(values) < _FEWEST:
            raise ValueError(f"{self.name} has {len(values)} values, and {_FEWEST} are the fewest to learn from")
        self.data = hashlib.sha256(",".join(map(repr, values)).encode()).hexdigest()[:16]
        raw = _changes(values) if of == "changes" else torch.tensor(values, dtype=torch.float64)
        train = raw[: round(_SHARES["train"][1] * len(raw))]
        mean, spread = train.mean(), train.std()
        if not spread > 0:
            raise ValueError(f"{self.name} has one value only in its training part: there is nothing to predict")
        self.values = (raw - mean) / spread
        self.none = None if of == "values" else float(-mean / spread)  # what no change is; None: values, not changes
        self.targets = Vectors(1, tolerance)

    def count(self, split: Split, length: int) -> int:
        return max(0, len(self._part(split)) - length - self.ahead + 1)

    def take(self, split: Split, length: int, numbers: Tensor) -> Batch:
        places = numbers[:, None] + torch.arange(length)
        part = self._part(split)
        everywhere = torch.ones(len(numbers), length, dtype=torch.bool)
        last = everywhere & (torch.arange(length) == length - 1)
        inputs, targets = (part[at].float().unsqueeze(2) for at in (places, places + self.ahead))
        return Batch(inputs, targets, last, loss_mask=everywhere)

    def chance(self, length: int) -> float:
        """Tomorrow as today or always the mean of the training data, whichever is right more often in the test data."""
        test = self._part("test")
        targets = test[length - 1 + self.ahead :]
        today = test[length - 1 : len(test) - self.ahead]
        if self.none is not None:
            today = torch.full_like(targets, self.none)
        predictions = (today, torch.zeros_like(targets))
        return max(((targets - one).abs() < self.targets.tolerance).double().mean().item() for one in predictions)

    def refuse_length(self, length: int) -> None:
        """Each part must hold so many values and those to be predicted."""
        shortest = min(len(self._part(split)) for split in _SHARES)
        if length > shortest - self.ahead:
            raise ValueError(
                f"{self.name} is too short: its {shortest} values for tests have room for lengths up to "
                f"{shortest - self.ahead}, got {length}"
            )
        super().refuse_length(length)

    def _part(self, split: Split) -> Tensor:
        begin, end = (round(share * len(self.values)) for share in _SHARES[split])
        return self.values[begin:end]


def _changes(values: list[float]) -> Tensor:
    """From each value to the next; of logarithms where all are positive."""
    series = torch.tensor(values, dtype=torch.float64)
    return (series.log() if bool((series > 0).all()) else series).diff()


def _series(name: str) -> list[float]:
    refuse_unknown("series", name, list(_FROM_PACKAGES))
    package, places, column = _FROM_PACKAGES[name]
    return _column(file_of(package, *places), column)


def _column(path: Path, column: str) -> list[float]:
    """The numbers of a column of a CSV file; ValueError where there is none, or one is missing."""
    rows = _rows(path)
    heads = [head.strip() for head in next(rows, (0, []))[1]]
    if not heads:
        raise ValueError(f"{path} is empty: name a CSV file with a line of headings")
    found = [(number, row) for number, row in rows if any(cell.strip() for cell in row)]
    if not column and found:
        numeric = [head for place, head in enumerate(heads) if _number(found[0][1], place) is not None]
        if len(numeric) != 1:
            raise ValueError(
                f"{path} has {len(numeric)} columns of numbers: name one of {', '.join(heads)} with column"
            )
        column = numeric[0]
    if column not in heads:
        refuse_unknown(f"column of {path}", column, heads)
    place = heads.index(column)
    return [
        _present(_number(row, place), row, place, f"{path}, line {number}, column {column}") for number, row in found
    ]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line, which a comma, a semicolon or a tab keeps apart."""
    delimiter = ""
    for number, line in lines_of(path):
        delimiter = delimiter or max(",;\t", key=line.count)
        yield number, next(csv.reader([line], delimiter=delimiter), [])


def _number(row: list[str], place: int) -> float | None:
    try:
        found = float(row[place])
    except (ValueError, IndexError):
        return None
    return found if math.isfinite(found) else None


def _present(value: float | None, row: list[str], place: int, where: str) -> float:
    if value is None:
        seen = row[place] if place < len(row) else ""
        raise ValueError(f"{where} holds {seen!r}, which is no number: fill it in, or leave the line out")
    return value
