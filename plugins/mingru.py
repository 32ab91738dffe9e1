"""minGRU: a gated unit whose gate does not see the state, and so is parallel in time (Feng et al. 2024)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Choice, Float, SearchSpace

from ._inputs import product
from ._scan import at_last_step, scan


class MinGRU(Architecture):
    """h' = (1 - z) * h + z * candidate, where the gate z = sigmoid(V x + `gate_bias`) and the candidate is W x + b.

    A negative `gate_bias` lets a state keep what it holds before it has learned to. `positive` makes candidates
    positive by g(u) = u + 0.5 for u >= 0, else sigmoid(u), which the published form in log-space needs and the scan
    here does not. The gates of one layer alone know nothing of the past: the paper stacks several, as `deep:mingru`
    does. The state is h, shape (batch, hidden_size).
    """

    reference = "Feng et al. 2024, Were RNNs All We Needed?, arXiv:2410.01201"
    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="[0, 1], by the input",
        cannot="parity (Sarrof et al. 2024, Grazzi et al. 2024)",
        cost="2 H by the inputs' width",
        parallel="scan",
    )
    search_space: ClassVar[SearchSpace] = {"gate_bias": Float(-5.0, 0.0), "positive": Choice(False, True)}

    def __init__(self, input_size: int, hidden_size: int, *, gate_bias: float = 0.0, positive: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.positive = positive
        self.gate, self.candidate = nn.Linear(input_size, hidden_size), nn.Linear(input_size, hidden_size)
        nn.init.constant_(self.gate.bias, gate_bias)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        start = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        gate, candidate = (product(x, layer.weight, layer.bias) for layer in (self.gate, self.candidate))
        gate = torch.sigmoid(gate)
        if self.positive:
            candidate = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        h = scan(1 - gate, gate * candidate, start)
        return h.to(x.dtype), at_last_step(h, lengths)
