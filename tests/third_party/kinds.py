"""The kinds of architecture a stranger may bring, as small as they can be."""

from __future__ import annotations

from collections import namedtuple

import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from harness import Architecture, CellArchitecture


class Out(nn.Module):
    """Returns the outputs and nothing else."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.kernel = nn.RNN(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        return self.kernel(x)[0]


class OutAndState(Out):
    """Returns what torch's layers return."""

    def forward(self, x):
        return self.kernel(x)


class OutAndAnything(Out):
    """Returns something of its own beside the outputs."""

    def forward(self, x):
        out, _ = self.kernel(x)
        return out, {"norms": [float(step.norm()) for step in out.detach().unbind(1)]}


class NamedOutputs(Out):
    """Returns a named tuple."""

    Result = namedtuple("Result", ["outputs", "mean"])

    def forward(self, x):
        out, _ = self.kernel(x)
        return self.Result(out, out.mean())


class SameWidth(nn.Module):
    """As wide when it leaves as when it came in; hidden_size is inside."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.kernel = nn.GRU(input_size, hidden_size, batch_first=True)
        self.leave = nn.Linear(hidden_size, input_size)

    def forward(self, x):
        return x + self.leave(self.kernel(x)[0])


class NeedsLength(nn.Module):
    """Has a parameter for each step, so it must know how many there will be."""

    def __init__(self, input_size, hidden_size, *, max_length: int):
        super().__init__()
        self.max_length = max_length
        self.places = nn.Parameter(torch.zeros(max_length, hidden_size))
        self.enter = nn.Linear(input_size, hidden_size)

    def forward(self, x):
        seen = self.enter(x) + self.places[: x.shape[1]]
        return seen.cumsum(dim=1).tanh()


class FunctionalCell(CellArchitecture):
    """One step as a formula over bare parameters."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.w = nn.Parameter(torch.randn(input_size, hidden_size) * input_size**-0.5)
        self.u = nn.Parameter(torch.randn(hidden_size, hidden_size) * hidden_size**-0.5)

    def step(self, x, state):
        state = torch.tanh(x @ self.w + state @ self.u)
        return state, state


def made_by_a_function(input_size: int, hidden_size: int, *, bias: bool = True) -> nn.Module:
    """A function that returns a module."""
    return nn.RNN(input_size, hidden_size, bias=bias, batch_first=True)


class ComplexState(CellArchitecture):
    """A state that turns, and an output made of both its parts."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, output_size=2 * hidden_size)
        self.enter = nn.Linear(input_size, hidden_size)
        self.phase = nn.Parameter(torch.rand(hidden_size))

    def initial_state(self, x):
        return torch.zeros(x.shape[0], self.hidden_size, dtype=torch.complex64, device=x.device)

    def step(self, x, state):
        phase = self.phase.float()  # there are no complex numbers of 16 bits
        state = torch.polar(torch.full_like(phase, 0.99), phase) * state + self.enter(x)
        return torch.view_as_real(state).flatten(1).to(x.dtype), state


class OrthogonalCell(CellArchitecture):
    """A recurrent matrix that torch keeps orthogonal."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.enter = nn.Linear(input_size, hidden_size)
        self.recur = orthogonal(nn.Linear(hidden_size, hidden_size, bias=False))

    def step(self, x, state):
        state = torch.tanh(self.enter(x) + self.recur(state))
        return state, state


class OwnGroups(Out):
    """A plain module whose recurrent weights learn at a tenth of the rate."""

    def parameter_groups(self):
        slow = [self.kernel.weight_hh_l0]
        rest = [p for p in self.parameters() if p is not slow[0]]
        return [{"params": rest}, {"params": slow, "lr_scale": 0.1}]


class Dropping(Out):
    """Random in training, and each row for itself."""

    def forward(self, x):
        return nn.functional.dropout(self.kernel(x)[0], 0.3, self.training)


class BatchNormed(Out):
    """Its rows see each other in training."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm = nn.BatchNorm1d(hidden_size)

    def forward(self, x):
        return self.norm(self.kernel(x)[0].transpose(1, 2)).transpose(1, 2)


class LooksAhead(Out):
    """Reads backwards, and does not say so."""

    def forward(self, x):
        return self.kernel(x.flip(1))[0].flip(1)


class SaysItLooksAhead(LooksAhead):
    """Reads backwards, and says so."""

    causal = False


class Window(Architecture):
    """The mean of the last three inputs, with no state to carry."""

    stateful = False

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.enter = nn.Linear(input_size, hidden_size)

    def forward(self, x, state=None, lengths=None):
        padded = nn.functional.pad(x, (0, 0, 2, 0))
        return self.enter(padded.unfold(1, 3, 1).mean(dim=3)).relu(), None


class TimeFirst(Out):
    """Takes time first, and does not say so."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.kernel = nn.RNN(input_size, hidden_size)


class SaysItTakesTimeFirst(TimeFirst):
    """Takes time first, and says so."""

    batch_first = False
