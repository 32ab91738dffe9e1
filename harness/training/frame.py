"""The frame's input side: how a task's inputs reach the architecture, as one-hot vectors or by a learned embedding.

Their scale decides what an architecture learns: a one-hot input moves a gate of an LSTM by about 0.07 at the start, an
embedding of 16 dimensions drawn from N(0, 1) by about 0.3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.errors import UsageError
from harness.task import Tokens, Vectors

ONE_HOT, LEARNED, NONE = "one-hot", "learned", "none"
_DEFAULT_SIZE = 32  # of `learned` where the task has no dimension of its own
_LARGEST = 100_000  # dimensions of an embedding


class OneHot(nn.Module):
    """Symbols of shape (batch, time) to one-hot vectors of shape (batch, time, size); has no parameters."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.eye(size), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return F.embedding(tokens, self.table)  # type: ignore[arg-type]


def embedding_of(inputs: Tokens | Vectors, asked: str | None) -> str:
    """A run's `embedding`: 'one-hot' or 'learned:DIM', as asked or else as the task has it; 'none' for vectors."""
    if isinstance(inputs, Vectors):
        return NONE
    if asked is None:
        return f"{LEARNED}:{inputs.embed}" if inputs.embed else ONE_HOT
    if asked == LEARNED:
        return f"{LEARNED}:{inputs.embed or _DEFAULT_SIZE}"
    return asked


def refuse_embedding(text: str) -> None:
    """Raises UsageError for what is no embedding: it is one-hot, learned, or learned:DIM."""
    if text in (ONE_HOT, LEARNED, NONE):
        return
    word, _, size = text.partition(":")
    is_number = size.isdecimal() and len(size) <= len(str(_LARGEST))
    if word != LEARNED or not is_number or not 1 <= int(size) <= _LARGEST:
        raise UsageError(f"--embedding takes one-hot, learned or learned:DIM with DIM at least 1, got {text!r}.")


def embedding_size(inputs: Tokens | Vectors, embedding: str) -> int:
    """The input_size of the architecture."""
    learned = embedding.startswith(LEARNED) and isinstance(inputs, Tokens)
    return int(embedding.partition(":")[2]) if learned else inputs.size


def make_embedding(inputs: Tokens | Vectors, embedding: str) -> nn.Module:
    """Inputs of a task to (batch, time, input_size). A learned embedding starts from N(0, 1)."""
    if isinstance(inputs, Vectors):
        return nn.Identity()
    if embedding.startswith(LEARNED):
        return nn.Embedding(inputs.size, embedding_size(inputs, embedding))
    return OneHot(inputs.size)
