"""What a finite window over the past is made of: the steps before a chunk, and those to be carried on."""

from __future__ import annotations

import torch
from torch import Tensor


def with_past(x: Tensor, past: Tensor | None, steps: int) -> Tensor:
    """x, shape (batch, time, width), behind the `steps` steps before it, shape (batch, steps, width); zeros if None."""
    if past is None:
        past = x.new_zeros(x.shape[0], steps, x.shape[2])
    return torch.cat([past, x], dim=1)


def last_steps(extended: Tensor, steps: int, lengths: Tensor | None) -> Tensor:
    """The last `steps` steps up to each row's last valid one, out of what `with_past` made for as many steps."""
    if lengths is None:
        return extended[:, extended.shape[1] - steps :]
    index = lengths.to(extended.device).unsqueeze(1) + torch.arange(steps, device=extended.device)
    return extended.gather(1, index.unsqueeze(2).expand(-1, -1, extended.shape[2]))
