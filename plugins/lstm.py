"""Long short-term memory with a forget gate and no peepholes (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Float, SearchSpace

from ._fused import run_fused


class LSTM(Architecture):
    """An LSTM; `forget_bias` is what the forget gate's bias adds up to at the start.

    torch adds two bias vectors, so its own start is 0 on average; a larger one lets the cell keep what it holds
    before it has learned to (Jozefowicz et al. 2015).
    """

    reference = (
        "Hochreiter & Schmidhuber 1997, Long Short-Term Memory; forget gate: Gers, Schmidhuber & Cummins 2000; "
        "forget bias: Jozefowicz, Zaremba & Sutskever 2015"
    )
    facts = Facts(
        state="vectors h and c: 2 H numbers",
        eigenvalues="any complex number",
        cannot="more than finite automata with counters (Merrill et al. 2020)",
        cost="4 H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {"forget_bias": Float(0.0, 5.0)}

    def __init__(self, input_size: int, hidden_size: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = nn.LSTM(input_size, hidden_size, batch_first=True)
        forget = slice(hidden_size, 2 * hidden_size)  # torch's gates stand in the order input, forget, cell, output
        parameters = dict(self.kernel.named_parameters())
        with torch.no_grad():
            parameters["bias_ih_l0"][forget] = forget_bias
            parameters["bias_hh_l0"][forget] = 0.0

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return run_fused(self.kernel, x, state, lengths)
