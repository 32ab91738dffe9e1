"""Files of a person's own: read in a stream, and kept in encoded form beside the store, by digest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from harness.process.cache import cache_folder
from harness.task import Split

from ._ragged import Ragged
from ._split import Parts, split_of
from ._units import Row, Units

_VERSION = 1  # raised when the same file would be kept in another form
_SPLITS: tuple[Split, Split, Split] = ("train", "validation", "test")
_AT_ONCE = 1_000_000  # characters


class Example(NamedTuple):
    """One example of a file."""

    content: str  # what decides its split
    columns: tuple[Row, ...]


class Table(NamedTuple):
    """The examples of a file, encoded."""

    columns: list[Ragged]
    parts: Parts
    digest: str


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Each line without its end, and its number from 1; a mark of byte order is left out. ValueError for no text."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if "\0" in line:
                    raise ValueError(f"{path} is no text (line {number} holds zero bytes): name a text")
                yield number, line.rstrip("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 (after line {number}): save it as UTF-8, or name a text") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def table_of(path: str, parse: Callable[[Path], Iterator[Example]], units: list[Units]) -> Table:
    """The examples of a file in some units, which are settled by it; read from the cache where it is there."""
    file = Path(path)
    digest = _digest(file)
    key = "-".join([digest, parse.__name__, *(one.key for one in units), str(_VERSION)])
    kept = cache_folder() / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not (kept / "names.json").exists():
        _keep(kept, file, parse, units)
    names = json.loads((kept / "names.json").read_text(encoding="utf-8"))
    for one, its in zip(units, names, strict=True):
        one.settle(its)
    columns = [_column(kept, place, one) for place, one in enumerate(units)]
    split = np.load(kept / "split.npy")
    parts = Parts(*(torch.from_numpy(np.flatnonzero(split == number)) for number in range(len(_SPLITS))))
    return Table(columns, parts, digest)


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None


def _column(kept: Path, place: int, units: Units) -> Ragged:
    offsets = np.load(kept / f"{place}.offsets.npy")
    if not offsets[-1]:
        return Ragged(np.zeros(0, dtype=units.dtype), offsets)
    return Ragged(np.memmap(kept / f"{place}.symbols", dtype=units.dtype, mode="r"), offsets)


def _keep(kept: Path, file: Path, parse: Callable[[Path], Iterator[Example]], units: list[Units]) -> None:
    """Reads the file twice: to count what its training part is made of, and to encode it."""
    split = bytearray()
    for chunk in _chunks(parse(file)):
        numbers = [_SPLITS.index(split_of(example.content.encode())) for example in chunk]
        split.extend(numbers)
        for place, one in enumerate(units):
            rows = [example.columns[place] for example in chunk]
            one.count(rows if one.everywhere else [row for row, n in zip(rows, numbers, strict=True) if n == 0])
    if not split:
        raise ValueError(f"{file} is empty: name a file with content")
    names = [one.most_frequent() for one in units]
    for one, its in zip(units, names, strict=True):
        one.settle(its)
    folder = Path(tempfile.mkdtemp(dir=kept.parent))
    _encode(folder, parse(file), units)
    np.save(folder / "split.npy", np.frombuffer(split, dtype=np.uint8))
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")
    try:
        folder.rename(kept)
    except OSError:  # another process has made it meanwhile
        shutil.rmtree(folder)


def _encode(folder: Path, examples: Iterator[Example], units: list[Units]) -> None:
    """Writes the symbols of each column, and where its rows begin."""
    lengths: list[list[np.ndarray]] = [[] for _ in units]
    files = [(folder / f"{place}.symbols").open("wb") for place in range(len(units))]
    for chunk in _chunks(examples):
        for place, one in enumerate(units):
            symbols, counted = one.encode([example.columns[place] for example in chunk])
            symbols.tofile(files[place])
            lengths[place].append(counted)
    for place, file in enumerate(files):
        file.close()
        np.save(folder / f"{place}.offsets.npy", np.cumsum(np.concatenate([[0], *lengths[place]]).astype(np.int64)))


def _chunks(examples: Iterator[Example]) -> Iterator[list[Example]]:
    """The examples, so many together that counting and encoding them is fast and takes little memory."""
    chunk: list[Example] = []
    size = 0
    for example in examples:
        chunk.append(example)
        size += len(example.content)
        if size > _AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
