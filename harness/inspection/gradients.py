"""How far back a gradient reaches: the loss at the last scored step with respect to each input before it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.inspection_record import GradientByLag
from harness.task import Batch
from harness.training.data import rows_of
from harness.training.model import Model

_ROWS_AT_ONCE = 25_000  # time steps in one backward pass: bounds the memory


def gradient_by_lag(model: Model, batch: Batch) -> GradientByLag:
    """The mean norm of the gradient of the loss at each row's last scored step, by the distance of the input.

    The gradient is with respect to the embedded input, (batch, time, input_size); the mean is over the rows that have
    an input at that distance. Works for any model. Source: Bengio, Simard & Frasconi 1994; Pascanu et al. 2013.
    """
    steps = batch.inputs.shape[1]
    rows = max(1, _ROWS_AT_ONCE // steps)
    sums, counts = np.zeros(2 * steps), np.zeros(2 * steps)  # by lag + steps
    for begin in range(0, len(batch.inputs), rows):
        part = rows_of(batch, torch.arange(begin, min(begin + rows, len(batch.inputs))))
        norms, scored = _norms(model, part)
        valid = _valid(part, steps)
        places = (scored[:, None] - torch.arange(steps) + steps)[valid].numpy()
        sums += np.bincount(places, norms[valid].numpy(), minlength=2 * steps)
        counts += np.bincount(places, minlength=2 * steps)
    found = np.flatnonzero(counts)
    found = found[found >= steps] if model.architecture.causal else found
    return GradientByLag((found - steps).tolist(), (sums[found] / counts[found]).tolist())


def last_scored(batch: Batch, readout: str) -> Tensor:
    """The step of each row's last scored answer, int64 of shape (batch,)."""
    steps = batch.inputs.shape[1]
    if readout == "last":
        return torch.full((len(batch.inputs),), steps - 1) if batch.lengths is None else batch.lengths - 1
    marked = batch.mask.long() * torch.arange(1, batch.mask.shape[1] + 1)
    return marked.amax(dim=1).clamp(min=1) - 1


def _norms(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """Norms of shape (batch, time), and each row's last scored step."""
    scored = last_scored(batch, model.readout)
    with torch.enable_grad():
        x = model.embed(batch.inputs).detach().requires_grad_()
        answer, _ = model.answer(x, batch.lengths)
        rows = torch.arange(len(scored))
        at = torch.zeros_like(scored) if model.readout == "last" else scored
        losses = model.losses(answer[rows, at].unsqueeze(1), batch.targets[rows, at].unsqueeze(1))
        (gradient,) = torch.autograd.grad(losses.sum(), x)
    return gradient.detach().double().norm(dim=-1), scored


def _valid(batch: Batch, steps: int) -> Tensor:
    lengths = torch.full((len(batch.inputs),), steps) if batch.lengths is None else batch.lengths
    return torch.arange(steps) < lengths[:, None]
