"""The minimal gated unit: one gate both forgets and decides what is seen of the past (Zhou et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State

from ._loops import Named, unroll


class MGU(CellArchitecture):
    """h' = (1 - f) * h + f * tanh(W x + U (f * h) + b), with the gate f = sigmoid(W_f x + U_f h + b_f).

    A GRU whose reset and update gates are one, and two thirds of its size.
    """

    reference = "Zhou, Wu, Zhang & Zhou 2016, Minimal Gated Unit for Recurrent Neural Networks, arXiv:1603.09420"

    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="any complex number",
        cannot="unbounded counting, as a gru (Weiss et al. 2018)",
        cost="2 H^2",
        parallel="no",
    )

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.enter = nn.Linear(input_size, 2 * hidden_size)
        self.recur_gate = nn.Linear(hidden_size, hidden_size, bias=False)
        self.recur = nn.Linear(hidden_size, hidden_size, bias=False)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        _, state = self._named_step(x, state)
        return state, state

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> Named:
        """The gate, the candidate and the outputs after each step, each (batch, time, hidden_size)."""
        return unroll(self._named_step, x, self.initial_state(x) if state is None else state, lengths)[0]

    def _named_step(self, x: Tensor, state: State) -> tuple[Named, State]:
        gate, candidate = self.enter(x).chunk(2, dim=1)
        gate = torch.sigmoid(gate + self.recur_gate(state))
        candidate = torch.tanh(candidate + self.recur(gate * state))
        state = state + gate * (candidate - state)
        return {"hidden": state, "forget gate": gate, "candidate": candidate}, state
