"""The simple recurrent network: h_t = f(W x_t + U h_{t-1} + b), with f = tanh or relu (Elman 1990)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from harness.architecture import Architecture, Facts, State
from harness.space import Choice, Float, SearchSpace

from ._fused import ended, run_fused

Nonlinearity = Literal["tanh", "relu"]
Init = Literal["default", "identity", "orthogonal"]


class RNN(Architecture):
    """A simple recurrent network; with relu and init="identity" it is the IRNN.

    `init` is how U starts: as torch draws it, as the identity with zero biases, or as a random orthogonal matrix.
    `gain` multiplies U at the start. With `keep_orthogonal` U is `gain` times an orthogonal matrix throughout the
    training, by torch's parametrisation, so that only f and `gain` change the norm of a gradient from step to step. The
    state is h, (batch, hidden_size).
    """

    reference = (
        "Elman 1990, Finding Structure in Time; identity: Le, Jaitly & Hinton 2015, arXiv:1504.00941; "
        "orthogonal: Saxe, McClelland & Ganguli 2014, arXiv:1312.6120; "
        "kept orthogonal: Lezcano-Casado & Martínez-Rubio 2019, arXiv:1901.08428"
    )
    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="any complex number",
        cannot="unbounded counting with tanh (Weiss et al. 2018)",
        cost="H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {
        "nonlinearity": Choice("tanh", "relu"),
        "init": Choice("default", "identity", "orthogonal"),
        "gain": Float(0.5, 2.0, log=True),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: Nonlinearity = "tanh",
        init: Init = "default",
        gain: float = 1.0,
        keep_orthogonal: bool = False,
    ) -> None:
        super().__init__(input_size, hidden_size)
        if nonlinearity not in get_args(Nonlinearity):
            raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}; leave it out for 'tanh'")
        if init not in get_args(Init):
            choices = "'default', 'identity' or 'orthogonal'"
            raise ValueError(f"init must be {choices}, got {init!r}; leave it out for torch's own")
        if gain <= 0:
            raise ValueError(f"gain must be above 0, got {gain}; 1 leaves the recurrent matrix as it is drawn")
        if keep_orthogonal and init == "default":
            raise ValueError("keep_orthogonal=True needs init=orthogonal or init=identity, got init=default")
        self.kernel = nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
        self.gain = gain
        self.recurrent = nn.Linear(hidden_size, hidden_size, bias=False) if keep_orthogonal else None
        self._start(init)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        if self.recurrent is None:
            return run_fused(self.kernel, x, state, lengths)
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        w, b, c = self.kernel.parameters()
        u = self.gain * self.recurrent.weight
        run = torch.rnn_tanh if self.kernel.nonlinearity == "tanh" else torch.rnn_relu
        out, _ = run(x, h.unsqueeze(0), [w, u, b, c], True, 1, 0.0, self.training, False, True)
        return ended((out,), lengths)

    @torch.no_grad()
    def _start(self, init: str) -> None:
        """How the recurrent matrix starts; with "identity" the biases are zero. The rest keeps torch's values."""
        _, u, b, c = self.kernel.parameters()
        if init == "identity":
            nn.init.eye_(u)
            b.zero_()
            c.zero_()
        elif init == "orthogonal":
            nn.init.orthogonal_(u)
        if self.recurrent is None:
            u.mul_(self.gain)
        else:
            self.recurrent.weight.copy_(u)
            orthogonal(self.recurrent)
            del (
                self.kernel.weight_hh_l0
            )  # torch's RNN keeps its weights in a list, which a parametrisation cannot reach
