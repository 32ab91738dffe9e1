"""LSTM and GRU: a fused kernel, and the same written out where options change what happens inside a step.

The options, all off by default, are recurrent dropout, zoneout and layer norm. The written-out pass also gives the
gates by name.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, State

from ._fused import ended, run_fused

Init = Literal["default", "chrono"]


class Gated(Architecture):
    """A recurrent layer around a fused kernel, `self.kernel`, that can be written out as `steps`."""

    kernel: nn.RNNBase

    def __init__(
        self, input_size: int, hidden_size: int, *, recurrent_dropout: float, layer_norm: bool, zoneout: float
    ):
        for name, rate in (("recurrent_dropout", recurrent_dropout), ("zoneout", zoneout)):
            refuse_rate(name, rate)
        super().__init__(input_size, hidden_size)
        self.recurrent_dropout, self.zoneout, self.layer_norm = recurrent_dropout, zoneout, layer_norm

    def steps(self, x: Tensor, state: State) -> dict[str, Tensor]:
        """Every quantity of the equations after each step, (batch, time, hidden_size); `hidden` are the outputs."""
        raise NotImplementedError

    def written_out(self) -> bool:
        """Whether an option asks for what the fused kernel cannot do."""
        dropping = self.training and self.recurrent_dropout > 0
        return dropping or self.zoneout > 0 or self.layer_norm

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        if not self.written_out():
            return run_fused(self.kernel, x, state, lengths)
        seen = self.steps(x, state)
        return ended(tuple(seen[name] for name in ("hidden", "cell") if name in seen), lengths)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The gates, the candidate, the cell and the outputs after each step, each (batch, time, hidden_size)."""
        seen = self.steps(x, state)
        return {**seen, "hidden": ended((seen["hidden"],), lengths)[0]}

    def dropout_mask(self, x: Tensor) -> Tensor:
        """What the state is multiplied with before it enters the gates: one draw for all steps of a row."""
        ones = x.new_ones(x.shape[0], self.hidden_size)
        return F.dropout(ones, self.recurrent_dropout, self.training)

    def zoned(self, new: Tensor, old: Tensor, rate: float) -> Tensor:
        """Zoneout: each unit keeps its old value with probability `rate`; in evaluation it takes the expectation."""
        if rate == 0.0:
            return new
        if self.training:
            return torch.where(torch.rand_like(new) < rate, old, new)
        return rate * old + (1 - rate) * new


def weights(kernel: nn.RNNBase) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """W and U of all gates, torch's two bias vectors."""
    w, u, b, c = kernel.parameters()
    return w, u, b, c


def refuse_rate(name: str, rate: float) -> None:
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"{name} must be at least 0 and below 1, got {rate}; 0 turns it off")


def norm_or_identity(wanted: bool, width: int, *, bias: bool = False) -> nn.Module:
    return nn.LayerNorm(width, bias=bias) if wanted else nn.Identity()


def chrono_biases(init: str, units: int, longest: int | None) -> Tensor | None:
    """Biases log u of a gate that keeps, u uniform between 1 and `longest` - 1; None where `init` is the default.

    With them a state is kept for about u steps (Tallec & Ollivier 2018). `longest` counts the steps of the longest
    sequence of the run.
    """
    if init not in get_args(Init):
        raise ValueError(f"init must be 'default' or 'chrono', got {init!r}; leave it out for 'default'")
    if init == "default":
        return None
    if longest is None:
        raise ValueError("init='chrono' needs the number of steps of the longest sequence, got max_length=None")
    return torch.empty(units).uniform_(1.0, max(1.0, longest - 1.0)).log()
