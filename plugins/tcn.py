"""Temporal convolutional network: causal, dilated convolutions in residual blocks (Bai, Kolter & Koltun 2018)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Float, Int, SearchSpace

from ._window import last_steps, with_past


class TCN(Architecture):
    """`levels` residual blocks of two convolutions each, dilated by 1, 2, 4, ...

    An output depends on the last `receptive_field` = 1 + 2 x (kernel_size - 1) x (2 ** levels - 1) inputs, 125 by
    default, and on nothing before. The state is a tuple with, for each convolution, the inputs it has yet to see again,
    shape (batch, (kernel_size - 1) x dilation, width).
    """

    reference = (
        "Bai, Kolter & Koltun 2018, An Empirical Evaluation of Generic Convolutional and Recurrent Networks for "
        "Sequence Modeling, arXiv:1803.01271"
    )
    facts = Facts(
        state="the last inputs: a window",
        eigenvalues="none",
        cannot="what lies before its window",
        cost="by levels and kernel size, H^2 each",
        parallel="yes",
    )
    search_space: ClassVar[SearchSpace] = {
        "levels": Int(1, 8),
        "kernel_size": Int(2, 8),
        "dropout": Float(0.0, 0.5),
    }

    def __init__(
        self, input_size: int, hidden_size: int, *, levels: int = 5, kernel_size: int = 3, dropout: float = 0.0
    ) -> None:
        if levels < 1 or kernel_size < 2:
            found = f"levels={levels}, kernel_size={kernel_size}"
            raise ValueError(f"a tcn needs levels >= 1 and kernel_size >= 2, got {found}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}; 0 turns it off")
        super().__init__(input_size, hidden_size)
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**levels - 1)
        widths = [input_size] + [hidden_size] * (levels - 1)
        self.blocks = nn.ModuleList(
            _Block(width, hidden_size, kernel_size, 2**level, dropout) for level, width in enumerate(widths)
        )

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        pasts = (None, None) * len(self.blocks) if state is None else state
        after: tuple[Tensor, ...] = ()
        for block, first, second in zip(self.blocks, pasts[::2], pasts[1::2], strict=True):
            x, new = block(x, first, second, lengths)
            after += new
        return x, after

    def extra_repr(self) -> str:
        return f"receptive_field={self.receptive_field}"


class _Block(nn.Module):
    """relu(x + f(f(x))), where f is a convolution, a relu and dropout; x is projected where its width changes."""

    def __init__(self, input_size: int, output_size: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = _CausalConv(input_size, output_size, kernel_size, dilation)
        self.second = _CausalConv(output_size, output_size, kernel_size, dilation)
        self.skip = nn.Identity() if input_size == output_size else nn.Linear(input_size, output_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, first: Tensor | None, second: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        inner, first = self.first(x, first, lengths)
        inner, second = self.second(self.dropout(torch.relu(inner)), second, lengths)
        return torch.relu(self.skip(x) + self.dropout(torch.relu(inner))), (first, second)


class _CausalConv(nn.Module):
    """A convolution over the past, its weights kept as a direction and a norm (Salimans & Kingma 2016).

    Written out, since a module with torch's parametrisation of it cannot be pickled.
    """

    def __init__(self, input_size: int, output_size: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        start = nn.Conv1d(input_size, output_size, kernel_size)
        self.dilation, self.past = dilation, (kernel_size - 1) * dilation
        self.direction = nn.Parameter(start.weight.detach())
        self.norm = nn.Parameter(self._lengths().detach())
        self.bias = start.bias

    def forward(self, x: Tensor, past: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        seen = with_past(x, past, self.past)
        weight = self.direction * (self.norm / self._lengths())
        out = F.conv1d(seen.transpose(1, 2), weight, self.bias, dilation=self.dilation).transpose(1, 2)
        return out, last_steps(seen, self.past, lengths)

    def _lengths(self) -> Tensor:
        lengths: Tensor = torch.linalg.vector_norm(self.direction, dim=(1, 2), keepdim=True)
        return lengths
