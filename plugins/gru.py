"""The gated recurrent unit, in torch's form: the reset gate acts after the recurrent product (Cho et al. 2014)."""

from __future__ import annotations

from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State

from ._fused import run_fused


class GRU(Architecture):
    """A gated recurrent unit with torch's own initialisation."""

    reference = "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, arXiv:1406.1078"

    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="any complex number",
        cannot="unbounded counting (Weiss et al. 2018)",
        cost="3 H^2",
        parallel="no",
    )

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = nn.GRU(input_size, hidden_size, batch_first=True)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return run_fused(self.kernel, x, state, lengths)
