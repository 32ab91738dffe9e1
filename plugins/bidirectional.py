"""Reads every sequence in both directions, a layer of the wrapped architecture for each (Schuster & Paliwal 1997)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from harness.architecture import MakeArchitecture, State, Wrapper
from harness.space import Choice, SearchSpace

Merge = Literal["concat", "sum"]


class Bidirectional(Wrapper):
    """Two layers of the wrapped architecture, one reading each row backwards from its last valid step.

    Their outputs are joined ("concat": output_size doubles) or added ("sum"). A state is a pair, one for each
    direction: where that direction begins, and where it ended. The pair that is returned does not continue the
    sequence, since the backward layer ended at its first step.
    """

    reference = "Schuster & Paliwal 1997, Bidirectional Recurrent Neural Networks"
    search_space: ClassVar[SearchSpace] = {"merge": Choice("concat", "sum")}
    causal = False
    stateful = False

    def __init__(self, input_size: int, hidden_size: int, make: MakeArchitecture, *, merge: Merge = "concat") -> None:
        if merge not in get_args(Merge):
            raise ValueError(f"merge must be 'concat' or 'sum', got {merge!r}; leave it out for 'concat'")
        ahead, back = make(input_size, hidden_size), make(input_size, hidden_size)
        super().__init__(input_size, hidden_size, ahead.output_size * (2 if merge == "concat" else 1))
        self.ahead, self.back = ahead, back
        self.merge = merge
        self.max_length = ahead.max_length

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        before = (None, None) if state is None else state
        ahead, ahead_after = self.ahead(x, before[0], lengths)
        back, back_after = self.back(_reversed(x, lengths), before[1], lengths)
        back = _reversed(back, lengths)
        out = torch.cat([ahead, back], dim=2) if self.merge == "concat" else ahead + back
        return out, (ahead_after, back_after)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """What each direction observes, as `ahead: forget gate` and `back: forget gate`, and the outputs."""
        before = (None, None) if state is None else state
        ahead = self.ahead.observe(x, before[0], lengths)
        back = self.back.observe(_reversed(x, lengths), before[1], lengths)
        seen = {f"ahead: {name}": values for name, values in ahead.items()}
        seen |= {f"back: {name}": _reversed(values, lengths) for name, values in back.items()}
        return {**seen, "hidden": self(x, state, lengths)[0]}


def _reversed(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row of x, shape (batch, time, width), turned round within its own length; padding stays where it is."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    lengths = lengths.to(x.device).unsqueeze(1)
    source = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x.gather(1, source.unsqueeze(2).expand_as(x))
