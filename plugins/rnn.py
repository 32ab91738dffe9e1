"""The simple recurrent network: h_t = f(W x_t + U h_{t-1} + b), with f = tanh or relu (Elman 1990)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Choice, SearchSpace

from ._fused import run_fused

Nonlinearity = Literal["tanh", "relu"]
Init = Literal["default", "identity"]


class RNN(Architecture):
    """A simple recurrent network; with relu and init="identity" it is the IRNN."""

    reference = "Elman 1990, Finding Structure in Time; identity: Le, Jaitly & Hinton 2015, arXiv:1504.00941"
    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="any complex number",
        cannot="unbounded counting with tanh (Weiss et al. 2018)",
        cost="H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {
        "nonlinearity": Choice("tanh", "relu"),
        "init": Choice("default", "identity"),
    }

    def __init__(
        self, input_size: int, hidden_size: int, *, nonlinearity: Nonlinearity = "tanh", init: Init = "default"
    ) -> None:
        super().__init__(input_size, hidden_size)
        if nonlinearity not in get_args(Nonlinearity):
            raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}; leave it out for 'tanh'")
        if init not in get_args(Init):
            raise ValueError(f"init must be 'default' or 'identity', got {init!r}; leave it out for torch's own")
        self.kernel = nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
        if init == "identity":
            self._start_as_identity()

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return run_fused(self.kernel, x, state, lengths)

    @torch.no_grad()
    def _start_as_identity(self) -> None:
        """The recurrent matrix is the identity and the biases are zero; the input matrix keeps torch's values."""
        parameters = dict(self.kernel.named_parameters())
        nn.init.eye_(parameters["weight_hh_l0"])
        parameters["bias_ih_l0"].zero_()
        parameters["bias_hh_l0"].zero_()
