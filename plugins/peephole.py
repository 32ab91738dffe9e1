"""Long short-term memory whose gates see the cell, and its form with one gate less (Gers & Schmidhuber 2000)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Choice, Float, SearchSpace

from ._loops import Named, unroll


class Peephole(CellArchitecture):
    """An LSTM with peepholes: input and forget gate see the cell as it was, the output gate as it has become.

    `coupled` leaves the input gate out: what is let in is what is forgotten, i = 1 - f (CIFG, Greff et al. 2017).
    `forget_bias` is the forget gate's bias at the start. The state is (h, c), each of shape (batch, hidden_size).
    """

    reference = (
        "Gers & Schmidhuber 2000, Recurrent Nets that Time and Count; "
        "coupled: Greff et al. 2017, LSTM: A Search Space Odyssey, arXiv:1503.04069"
    )
    facts = Facts(
        state="vectors h and c: 2 H numbers",
        eigenvalues="any complex number",
        cannot="more than finite automata with counters (Merrill et al. 2020)",
        cost="4 H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {"coupled": Choice(False, True), "forget_bias": Float(0.0, 5.0)}

    def __init__(self, input_size: int, hidden_size: int, *, coupled: bool = False, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.coupled = coupled
        gates = 3 if coupled else 4  # forget, output, candidate, and input if it is one of its own
        self.enter = nn.Linear(input_size, gates * hidden_size)
        self.recur = nn.Linear(hidden_size, gates * hidden_size, bias=False)
        bound = hidden_size**-0.5  # as torch draws the recurrent weights
        self.peep = nn.Parameter(torch.empty(gates - 1, hidden_size).uniform_(-bound, bound))
        with torch.no_grad():
            self.enter.bias[:hidden_size] = forget_bias

    def initial_state(self, x: Tensor) -> State:
        return super().initial_state(x), super().initial_state(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        named, state = self._named_step(x, state)
        return named["hidden"], state

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> Named:
        """The gates, the candidate, the cell and the outputs after each step, each (batch, time, hidden_size)."""
        return unroll(self._named_step, x, self.initial_state(x) if state is None else state, lengths)[0]

    def _named_step(self, x: Tensor, state: State) -> tuple[Named, State]:
        h, c = state
        forget, output, candidate, *own = (self.enter(x) + self.recur(h)).chunk(3 if self.coupled else 4, dim=1)
        forget = torch.sigmoid(forget + self.peep[0] * c)
        enter = 1 - forget if self.coupled else torch.sigmoid(own[0] + self.peep[2] * c)
        candidate = torch.tanh(candidate)
        c = forget * c + enter * candidate
        output = torch.sigmoid(output + self.peep[1] * c)
        h = output * torch.tanh(c)
        gates = {"input gate": enter, "forget gate": forget, "candidate": candidate, "output gate": output}
        return {"hidden": h, **gates, "cell": c}, (h, c)
