"""Truncated backpropagation through time (Williams & Peng 1990): the state goes from chunk to chunk, no gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from harness.architecture import State, keep_rows
from harness.task import Batch
from harness.training.data import to_device
from harness.training.model import Model


class Chunk(NamedTuple):
    """Consecutive time steps of a batch; `batch.starts` is set only where some rows begin and others continue."""

    batch: Batch
    begins: bool  # all rows begin anew
    active: Tensor | None = None  # bool (batch,): rows that have not ended before it; None: all

    def to(self, device: torch.device) -> Chunk:
        active = None if self.active is None else self.active.to(device)
        return self._replace(batch=to_device(self.batch, device), active=active)


Piece = tuple[Chunk, ...]
"""What one optimizer step takes: chunks without a loss, which only carry the state, and one with a loss."""


def pieces(batches: Iterable[Batch], steps: int) -> Iterator[Piece]:
    """Batches cut into chunks of `steps` time steps (the last of a batch may be shorter), for one optimizer step each.

    Rows begin anew with a batch unless its `starts` says otherwise; only then do chunks after its last loss matter.
    """
    waiting: list[Chunk] = []
    for batch in batches:
        for chunk in _cut(batch, steps):
            waiting = [*([] if chunk.begins else waiting), chunk]
            if _loss_mask(chunk.batch).any():
                yield tuple(waiting)
                waiting = []


class Carried:
    """A model and the state that it carries from piece to piece."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.state: State = None

    def loss(self, piece: Piece) -> Tensor:
        """The mean loss over the last chunk, whose gradient goes back to the chunk's first step and no further."""
        *before, last = piece
        with torch.no_grad():
            for chunk in before:
                self._advance(chunk)
        return self.model.loss_from(self._advance(last), last.batch)

    def _advance(self, chunk: Chunk) -> Tensor:
        """The answers to a chunk; the state is afterwards the one that each row ended with, detached."""
        before: State = None if chunk.begins else self.state
        answer: Tensor
        answer, after = self.model(chunk.batch.inputs, chunk.batch.lengths, before)
        starts = chunk.batch.starts
        if starts is not None and before is not None:  # what a state is made of is the architecture's: None begins anew
            anew, state = self.model(chunk.batch.inputs, chunk.batch.lengths, None)
            answer, after = keep_rows(starts, anew, answer), keep_rows(starts, state, after)
        if chunk.active is not None:
            after = keep_rows(chunk.active, after, before)
        self.state = _detached(after)
        return answer


def _cut(batch: Batch, steps: int) -> Iterator[Chunk]:
    """The chunks of one batch. A row that has ended is fed one step more, whose answer and state nobody takes."""
    anew = batch.starts is None or bool(batch.starts.all())
    for begin in range(0, batch.inputs.shape[1], steps):
        chosen = slice(begin, begin + steps)
        first, size = begin == 0, batch.inputs[:1, chosen].shape[1]
        cut = _answers(batch, chosen)._replace(
            inputs=batch.inputs[:, chosen],
            lengths=None if batch.lengths is None else (batch.lengths - begin).clamp(1, size),
            starts=batch.starts if first and not anew else None,
        )
        active = None if batch.lengths is None or first else batch.lengths > begin
        yield Chunk(cut, first and anew, active)


def _answers(batch: Batch, chosen: slice) -> Batch:
    """Targets and masks of a chunk; a single answer (readout "last") is of the chunk in which its row ends."""
    time = batch.inputs.shape[1]
    if batch.targets.shape[1] == time:
        loss_mask = None if batch.loss_mask is None else batch.loss_mask[:, chosen]
        return batch._replace(targets=batch.targets[:, chosen], mask=batch.mask[:, chosen], loss_mask=loss_mask)
    last = torch.full(batch.mask.shape[:1], time) if batch.lengths is None else batch.lengths
    ends = ((last > chosen.start) & (last <= chosen.stop)).unsqueeze(1)
    loss_mask = None if batch.loss_mask is None else batch.loss_mask & ends
    return batch._replace(mask=batch.mask & ends, loss_mask=loss_mask)


def _loss_mask(batch: Batch) -> Tensor:
    return batch.mask if batch.loss_mask is None else batch.loss_mask


def _detached(state: State) -> State:
    return tuple(_detached(part) for part in state) if isinstance(state, tuple) else state.detach()
