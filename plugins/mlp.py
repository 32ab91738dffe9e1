"""A feed-forward network over the last few inputs: what recurrent networks had to beat (Waibel et al. 1989)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Int, SearchSpace

from ._window import last_steps, with_past


class MLP(Architecture):
    """One hidden layer of rectified units over a window of the last `window` inputs, slid along the sequence.

    What happened before the window is lost: this is the model with a memory of exactly so many steps. Before the first
    step the window sees zeros. The state is the last window - 1 inputs, shape (batch, window - 1, input_size).
    """

    reference = "Waibel et al. 1989, Phoneme Recognition Using Time-Delay Neural Networks"
    facts = Facts(
        state="the last inputs: a window",
        eigenvalues="none",
        cannot="what lies before its window",
        cost="H by the window's inputs",
        parallel="yes",
    )
    search_space: ClassVar[SearchSpace] = {"window": Int(1, 100, log=True)}

    def __init__(self, input_size: int, hidden_size: int, *, window: int = 10) -> None:
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}; 1 sees the current input only")
        super().__init__(input_size, hidden_size)
        self.window = window
        self.slide = nn.Conv1d(input_size, hidden_size, window)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        seen = with_past(x, state, self.window - 1)
        out = torch.relu(self.slide(seen.transpose(1, 2))).transpose(1, 2)
        return out, last_steps(seen, self.window - 1, lengths)
