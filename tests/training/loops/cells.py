"""Cells as third parties write them, in the style of the literature: what compiled loops are tried on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from harness import CellArchitecture


class Cell(CellArchitecture):
    """With one product with the inputs and one with the state, of `gates` times the hidden size."""

    gates = 1
    states = 1

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.enter = nn.Linear(input_size, self.gates * hidden_size)
        self.recur = nn.Linear(hidden_size, self.gates * hidden_size, bias=False)

    def initial_state(self, x):
        zero = x.new_zeros(x.shape[0], self.hidden_size)
        return (zero,) * self.states if self.states > 1 else zero

    def both(self, x, h):
        return (self.enter(x) + self.recur(h)).chunk(self.gates, dim=-1)


class HandLSTM(Cell):
    gates, states = 4, 2

    def step(self, x, state):
        h, c = state
        i, f, g, o = self.both(x, h)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)


class Leaky(Cell):
    def step(self, x, state):
        (a,) = self.both(x, state)
        state = 0.7 * state + 0.3 * torch.tanh(a)
        return state, state


class HandGRU(Cell):
    gates = 3

    def step(self, x, h):
        r, z, n = self.enter(x).chunk(3, dim=1)
        r_h, z_h, n_h = self.recur(h).chunk(3, dim=1)
        r, z = torch.sigmoid(r + r_h), torch.sigmoid(z + z_h)
        h = (1 - z) * torch.tanh(n + r * n_h) + z * h
        return h, h


class SlicedGates(Cell):
    """The gates are cut out by indices; the state is a product of gates."""

    gates = 3

    def step(self, x, h):
        a, size = self.enter(x) + self.recur(h), self.hidden_size
        keep, enter, rest = a[:, :size], a[:, size : 2 * size], a[..., 2 * size :]
        h = torch.sigmoid(keep) * h + torch.sigmoid(enter) * torch.sigmoid(-keep) * F.silu(rest)
        return h, h


class LayerNormLSTM(Cell):
    gates, states = 4, 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm, self.norm_c = nn.LayerNorm(4 * hidden_size), nn.LayerNorm(hidden_size)

    def step(self, x, state):
        h, c = state
        i, f, g, o = self.norm(self.enter(x) + self.recur(h)).chunk(4, dim=1)
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(self.norm_c(c))
        return h, (h, c)


class RMSNormed(Cell):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.norm = nn.RMSNorm(hidden_size)

    def step(self, x, h):
        h = F.relu(self.enter(x) + self.recur(self.norm(h)))
        return h, h


class FastWeights(Cell):
    """A matrix state that decays and is written to by an outer product (Ba et al. 2016)."""

    gates = 3

    def initial_state(self, x):
        return x.new_zeros(x.shape[0], self.hidden_size, self.hidden_size)

    def step(self, x, memory):
        key, value, query = torch.tanh(self.enter(x)).chunk(3, dim=1)
        memory = 0.95 * memory + 0.5 * value.unsqueeze(2) * key.unsqueeze(1)
        return torch.einsum("bvk,bk->bv", memory, query), memory


class DeltaRule(Cell):
    """A matrix state corrected by what it holds already (Schlag et al. 2021); keys of length 1."""

    gates = 3

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.rate = nn.Linear(input_size, 1)

    def initial_state(self, x):
        return x.new_zeros(x.shape[0], self.hidden_size, self.hidden_size)

    def step(self, x, memory):
        key, value, query = self.enter(x).chunk(3, dim=1)
        key, query = F.normalize(F.silu(key), dim=1), F.softmax(query, dim=1)
        held = torch.bmm(memory, key.unsqueeze(2)).squeeze(2)
        written = torch.sigmoid(self.rate(x)) * (value - held)
        memory = memory + torch.bmm(written.unsqueeze(2), key.unsqueeze(1))
        return torch.bmm(memory, query.unsqueeze(2)).squeeze(2), memory


class ExponentialGates(Cell):
    """Exponential gates with a normaliser and a stabiliser (Beck et al. 2024)."""

    gates, states = 4, 4

    def step(self, x, state):
        h, c, n, m = state
        i, f, z, o = self.both(x, h)
        log_f = F.logsigmoid(f)
        new_m = torch.maximum(log_f + m, i)
        i, f = torch.exp(i - new_m), torch.exp(log_f + m - new_m)
        c = f * c + i * torch.tanh(z)
        n = f * n + i
        h = torch.sigmoid(o) * c / n.clamp(min=1e-6)
        return h, (h, c, n, new_m)


class Oscillator(Cell):
    """Two states, position and speed (Rusch & Mishra 2021)."""

    states = 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.speed = nn.Linear(hidden_size, hidden_size, bias=False)

    def step(self, x, state):
        y, z = state
        z = z + 0.1 * (torch.tanh(self.enter(x) + self.recur(y) + self.speed(z)) - 0.9 * y - 0.5 * z)
        y = y + 0.1 * z
        return y, (y, z)


class Sines(Cell):
    def step(self, x, h):
        (a,) = self.both(x, h)
        h = torch.sin(a) + 0.1 * torch.cos(h)
        return h, h


class SoftplusRates(Cell):
    """Time constants of each unit, by softplus and exp of an input (Gu & Dao 2023 for one step)."""

    gates = 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.log_rate = nn.Parameter(torch.zeros(hidden_size))

    def step(self, x, h):
        step, enter = self.enter(x).chunk(2, dim=1)
        step = F.softplus(step)
        h = torch.exp(-step * torch.exp(self.log_rate)) * h + step * enter
        return h, h


class Clamped(Cell):
    def step(self, x, h):
        (a,) = self.both(x, h)
        h = torch.clamp(0.9 * h + a, -1.0, 1.0) + 0.01 * F.hardtanh(a) + 0.01 * F.leaky_relu(a) + 0.01 * F.elu(a)
        return h, h


class Multiplicative(Cell):
    """mRNN: the state's product with the input chooses the transition (Krause et al. 2016)."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.of_x, self.of_h = (nn.Linear(size, hidden_size, bias=False) for size in (input_size, hidden_size))

    def step(self, x, h):
        mixed = self.of_x(x) * self.of_h(h)
        h = torch.tanh(self.enter(x) + self.recur(mixed))
        return h, h


class MinimalGated(Cell):
    gates = 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.recur_gate, self.recur = (nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(2))

    def step(self, x, h):
        f, n = self.enter(x).chunk(2, dim=1)
        f = torch.sigmoid(f + self.recur_gate(h))
        h = (1 - f) * h + f * torch.tanh(n + self.recur(f * h))
        return h, h


class Concatenated(Cell):
    """One product with input and state side by side, and parameters written as matrices."""

    def __init__(self, input_size, hidden_size):
        CellArchitecture.__init__(self, input_size, hidden_size)
        self.w = nn.Parameter(torch.randn(input_size + hidden_size, hidden_size) * 0.1)
        self.b = nn.Parameter(torch.randn(hidden_size) * 0.1)

    def step(self, x, h):
        h = torch.tanh(torch.cat([x, h], dim=1) @ self.w + self.b)
        return h, h


class Highway(Cell):
    """Two steps of depth in one of time, with shared gates (Zilly et al. 2017)."""

    gates = 2

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.deeper = nn.Linear(hidden_size, 2 * hidden_size)

    def step(self, x, h):
        a, t = self.both(x, h)
        t = torch.sigmoid(t - 1)
        h = torch.tanh(a) * t + h * (1 - t)
        a, t = self.deeper(h).chunk(2, dim=-1)
        t = torch.sigmoid(t - 1)
        h = torch.tanh(a) * t + h * (1 - t)
        return h, h


class Attentive(Cell):
    """Slots of memory: a softmax over slots decides which one is read and written."""

    slots = 5

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.key = nn.Linear(input_size, hidden_size)

    def initial_state(self, x):
        return x.new_zeros(x.shape[0], self.slots, self.hidden_size) + torch.arange(self.slots).view(1, -1, 1) / 10

    def step(self, x, memory):
        weights = torch.softmax((memory * self.key(x).unsqueeze(1)).sum(dim=-1) * 3.0, dim=1)
        read = torch.einsum("bs,bsh->bh", weights, memory)
        out = torch.tanh(self.enter(x) + self.recur(read))
        memory = memory + weights.unsqueeze(2) * (out.unsqueeze(1) - memory)
        return out, memory


class Gaussian(Cell):
    """Units that answer to a range of values, and a state whose mean is taken away."""

    def step(self, x, h):
        (a,) = self.both(x, h)
        h = torch.exp(-a.square()) * torch.rsqrt(1 + a.abs()) + 0.5 * (h - h.mean(dim=1, keepdim=True))
        return h, h


class Quantised(Cell):
    """A part of the state is kept by a comparison, as `torch.where` has it, and the gradient is stopped in between."""

    def step(self, x, h):
        (a,) = self.both(x, h)
        moved = torch.tanh(a)
        h = torch.where(moved.abs() > 0.1, moved, h) + (moved - moved.detach()) * 0.5
        return h, h


class Projected(Cell):
    """The output is not the state, and has another size (Sak et al. 2014)."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.output_size = 5
        self.give = nn.Linear(hidden_size, 5)

    def step(self, x, h):
        (a,) = self.both(x, h)
        h = h + 0.1 * F.gelu(a)
        return self.give(h), h


class Nested(Cell):
    """A state in a tuple in a tuple, one part of which is handed on, and a learned scale made of a parameter."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("mask", (torch.arange(hidden_size) % 2).float())

    def initial_state(self, x):
        zero = x.new_zeros(x.shape[0], self.hidden_size)
        return zero, (zero, x.new_zeros(x.shape[0], 1))

    def step(self, x, state):
        h, (before, count) = state
        a = self.enter(x) + self.recur(h) * self.mask
        new = torch.tanh(a) * torch.sigmoid(self.scale) + 0.2 * before / (count + 1)
        return new, (new, (h, count + 1))


THIRD_PARTY = [
    HandLSTM, Leaky, HandGRU, SlicedGates, LayerNormLSTM, RMSNormed, FastWeights, DeltaRule, ExponentialGates,
    Oscillator, Sines, SoftplusRates, Clamped, Multiplicative, MinimalGated, Concatenated, Highway, Attentive,
    Gaussian, Quantised, Projected, Nested,
]  # fmt: skip
