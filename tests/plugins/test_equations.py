"""Architectures against their equations written out step by step, in values and gradients.

The fused kernels are in test_fused.py; padding and carried states are kept equal to these by the contract.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from harness.plugins import _scan
from harness.plugins.cornn import CoRNN
from harness.plugins.indrnn import IndRNN
from harness.plugins.lem import LEM
from harness.plugins.lru import LRU
from harness.plugins.mgu import MGU
from harness.plugins.mingru import MinGRU
from harness.plugins.mlp import MLP
from harness.plugins.peephole import Peephole
from harness.plugins.s4d import S4D
from harness.plugins.slstm import SLSTM
from harness.plugins.tcn import TCN
from harness.plugins.transformer import Transformer
from torch import Tensor

ROWS, STEPS, INPUTS, HIDDEN = 3, 11, 4, 6


def mingru(model: MinGRU, x: Tensor) -> Tensor:
    """h' = (1 - z) h + z c, where z and c are functions of x alone."""
    h, states = torch.zeros(ROWS, HIDDEN, dtype=x.dtype), []
    for x_t in x.unbind(1):
        z = torch.sigmoid(x_t @ model.gate.weight.T + model.gate.bias)
        c = x_t @ model.candidate.weight.T + model.candidate.bias
        if model.positive:
            c = torch.where(c >= 0, c + 0.5, torch.sigmoid(c))
        h = (1 - z) * h + z * c
        states.append(h)
    return torch.stack(states, dim=1)


def lru(model: LRU, x: Tensor) -> Tensor:
    """h' = a h + g (B x) with complex numbers, out = gelu(Re(C h) + D x)."""
    a = torch.exp(torch.complex(-model.nu.exp(), model.theta.exp()))
    b = torch.complex(model.enter.weight[::2], model.enter.weight[1::2])
    c = torch.complex(model.leave.weight[:, ::2], -model.leave.weight[:, 1::2])
    h, outputs = torch.zeros(ROWS, HIDDEN, dtype=a.dtype), []
    for x_t in x.unbind(1):
        h = a * h + model.gain.exp() * (x_t.to(a.dtype) @ b.T)
        outputs.append(F.gelu((h @ c.T).real + x_t @ model.direct.weight.T + model.direct.bias))
    return torch.stack(outputs, dim=1)


def peephole(model: Peephole, x: Tensor) -> Tensor:
    """f and i see c, o sees c'; coupled, i = 1 - f."""
    weights = [part.chunk(3 if model.coupled else 4) for part in (model.enter.weight, model.enter.bias)]
    recurrent = model.recur.weight.chunk(3 if model.coupled else 4)
    h = c = torch.zeros(ROWS, HIDDEN, dtype=x.dtype)
    outputs = []
    for x_t in x.unbind(1):
        f, o, g, *i = (x_t @ w.T + b + h @ u.T for w, b, u in zip(*weights, recurrent, strict=True))
        f = torch.sigmoid(f + model.peep[0] * c)
        i = 1 - f if model.coupled else torch.sigmoid(i[0] + model.peep[2] * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + model.peep[1] * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def mgu(model: MGU, x: Tensor) -> Tensor:
    """h' = (1 - f) h + f tanh(W x + U (f h) + b)."""
    (w_f, w), (b_f, b) = model.enter.weight.chunk(2), model.enter.bias.chunk(2)
    h, outputs = torch.zeros(ROWS, HIDDEN, dtype=x.dtype), []
    for x_t in x.unbind(1):
        f = torch.sigmoid(x_t @ w_f.T + b_f + h @ model.recur_gate.weight.T)
        h = (1 - f) * h + f * torch.tanh(x_t @ w.T + b + (f * h) @ model.recur.weight.T)
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def slstm(model: SLSTM, x: Tensor) -> Tensor:
    """Equations 8 to 14 of the paper, without the stabiliser: i = exp(i~), f = sigmoid(f~) or exp(f~)."""
    forget = torch.sigmoid if model.forget_gate == "sigmoid" else torch.exp
    h = c = n = torch.zeros(ROWS, HIDDEN, dtype=x.dtype)
    outputs = []
    for x_t in x.unbind(1):
        given, first, seen = (x_t @ model.enter.weight.T + model.enter.bias).unflatten(1, (4, -1)), 0, []
        for r in model.r:
            own = slice(first, first + r.shape[1])
            seen.append(torch.stack([given[:, gate, own] + h[:, own] @ r[gate].T for gate in range(4)], dim=1))
            first = own.stop
        i, f, z, o = torch.cat(seen, dim=2).unbind(1)
        c, n = forget(f) * c + torch.exp(i) * torch.tanh(z), forget(f) * n + torch.exp(i)
        h = torch.sigmoid(o) * c / n
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def lem(model: LEM, x: Tensor) -> Tensor:
    """Equation 3 of the paper, every matrix by itself."""
    (v_1, v_2, v_z, v_y), (b_1, b_2, b_z, b_y) = model.v.weight.chunk(4), model.v.bias.chunk(4)
    (w_1, w_2, w_z), w_y = model.w.weight.chunk(3), model.w_y.weight
    y = z = torch.zeros(ROWS, HIDDEN, dtype=x.dtype)
    outputs = []
    for u in x.unbind(1):
        dt_1 = model.dt * torch.sigmoid(y @ w_1.T + u @ v_1.T + b_1)
        dt_2 = model.dt * torch.sigmoid(y @ w_2.T + u @ v_2.T + b_2)
        z = (1 - dt_1) * z + dt_1 * torch.tanh(y @ w_z.T + u @ v_z.T + b_z)
        y = (1 - dt_2) * y + dt_2 * torch.tanh(z @ w_y.T + u @ v_y.T + b_y)
        outputs.append(y)
    return torch.stack(outputs, dim=1)


def cornn(model: CoRNN, x: Tensor) -> Tensor:
    """Equation 3 of the paper: z is the velocity of y, moved first."""
    w, w_z = model.w.weight.chunk(2, dim=1)
    y = z = torch.zeros(ROWS, HIDDEN, dtype=x.dtype)
    outputs = []
    for u in x.unbind(1):
        pull = torch.tanh(y @ w.T + z @ w_z.T + u @ model.v.weight.T + model.v.bias)
        z = z + model.dt * (pull - model.gamma * y - model.epsilon * z)
        y = y + model.dt * z
        outputs.append(y)
    return torch.stack(outputs, dim=1)


def indrnn(model: IndRNN, x: Tensor) -> Tensor:
    """h' = f(W x + u h + b), each unit with a weight of its own."""
    f = {"relu": torch.relu, "tanh": torch.tanh}[model.nonlinearity]
    h, outputs = torch.zeros(ROWS, HIDDEN, dtype=x.dtype), []
    for x_t in x.unbind(1):
        h = f(x_t @ model.enter.weight.T + h @ torch.diag(model.u) + model.enter.bias)
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def s4d(model: S4D, x: Tensor) -> Tensor:
    """A matrix of states over all steps: s' = exp(Delta A) s + A^-1 (exp(Delta A) - 1) u, y = 2 Re(C s) + D u."""
    a = torch.complex(-model.log_a_real.exp(), model.a_imag)
    moved = (a * model.log_dt.exp().unsqueeze(1)).exp()
    c = torch.complex(*model.c.unbind(2))
    s, outputs = torch.zeros(ROWS, *a.shape, dtype=a.dtype), []
    for x_t in x.unbind(1):
        u = x_t @ model.enter.weight.T + model.enter.bias
        s = moved * s + (moved - 1) / a * u.unsqueeze(2)
        y = (c * s + (c * s).conj()).sum(dim=2).real + model.d * u
        value, gate = (F.gelu(y) @ model.leave.weight.T + model.leave.bias).chunk(2, dim=1)
        outputs.append(value * torch.sigmoid(gate))
    return torch.stack(outputs, dim=1)


def mlp(model: MLP, x: Tensor) -> Tensor:
    """At each step the window is gathered into one long vector."""
    weight = model.slide.weight.flatten(1)
    zeros = torch.zeros(ROWS, INPUTS, dtype=x.dtype)
    outputs = []
    for t in range(STEPS):
        window = [x[:, s] if s >= 0 else zeros for s in range(t - model.window + 1, t + 1)]
        outputs.append(torch.relu(torch.stack(window, dim=2).flatten(1) @ weight.T + model.slide.bias))
    return torch.stack(outputs, dim=1)


def tcn(model: TCN, x: Tensor) -> Tensor:
    """Each convolution is a sum over its taps."""
    for block in model.blocks:
        inner = x
        for conv in (block.first, block.second):
            weight = F.normalize(conv.direction.flatten(1)).view_as(conv.direction) * conv.norm
            taps = [(k, (weight.shape[2] - 1 - k) * conv.dilation) for k in range(weight.shape[2])]
            steps = [[inner[:, t - back] @ weight[:, :, k].T for k, back in taps if t >= back] for t in range(STEPS)]
            inner = torch.relu(torch.stack([sum(step) + conv.bias for step in steps], dim=1))
        x = torch.relu(block.skip(x) + inner)
    return x


def transformer(model: Transformer, x: Tensor) -> Tensor:
    """Each head of each step weighs the values of the steps up to it."""
    x = model.enter(x)
    if model.positions == "sinusoid":
        for t in range(STEPS):
            angles = [t / 10_000 ** (j / 3) for j in range(3)]
            wave = [*(torch.tensor(a).sin() for a in angles), *(torch.tensor(a).cos() for a in angles)]
            x = torch.cat([x[:, :t], x[:, t : t + 1] + torch.stack(wave), x[:, t + 1 :]], dim=1)
    for block in model.blocks:
        query, key, value = block.split(block.norm(x)).chunk(3, dim=2)
        width = query.shape[2] // block.heads
        joined = []
        for t in range(STEPS):
            heads = []
            for head in range(block.heads):
                own = slice(head * width, (head + 1) * width)
                match = (key[:, : t + 1, own] * query[:, t : t + 1, own]).sum(dim=2) / width**0.5
                heads.append((match.softmax(dim=1).unsqueeze(2) * value[:, : t + 1, own]).sum(dim=1))
            joined.append(torch.cat(heads, dim=1))
        x = x + block.join(torch.stack(joined, dim=1))
        x = x + block.feed_forward(x)
    return model.norm(x)


CASES: dict[str, tuple[Callable, Callable, dict]] = {
    "mingru": (MinGRU, mingru, {}),
    "mingru positive": (MinGRU, mingru, {"positive": True, "gate_bias": -1.0}),
    "lru": (LRU, lru, {}),
    "peephole": (Peephole, peephole, {}),
    "peephole coupled": (Peephole, peephole, {"coupled": True}),
    "mgu": (MGU, mgu, {}),
    "slstm": (SLSTM, slstm, {}),
    "slstm exponential": (SLSTM, slstm, {"heads": 1, "forget_gate": "exp", "bias_init": "linspace"}),
    "lem": (LEM, lem, {"dt": 0.4}),
    "cornn": (CoRNN, cornn, {}),
    "indrnn": (IndRNN, indrnn, {}),
    "indrnn tanh": (IndRNN, indrnn, {"nonlinearity": "tanh", "max_length": STEPS}),
    "s4d": (S4D, s4d, {}),
    "s4d of few states": (S4D, s4d, {"state": 2}),
    "mlp": (MLP, mlp, {"window": 4}),
    "mlp of one step": (MLP, mlp, {"window": 1}),
    "tcn": (TCN, tcn, {"levels": 2}),
    "tcn wider than the sequence": (TCN, tcn, {"levels": 4, "kernel_size": 2}),
    "transformer": (Transformer, transformer, {}),
    "transformer without positions": (Transformer, transformer, {"positions": "none", "heads": 2}),
}


@pytest.mark.parametrize("small", [0, 1024], ids=["one chunk", "chunks"])
@pytest.mark.parametrize(("make", "slow", "options"), CASES.values(), ids=CASES)
def test_equals_the_equations_in_values_and_gradients(make, slow, options, small, monkeypatch):
    monkeypatch.setattr(_scan, "_SMALL", small)
    torch.manual_seed(0)
    model = make(INPUTS, HIDDEN, **options).double()
    x = torch.randn(ROWS, STEPS, INPUTS, dtype=torch.double, requires_grad=True)
    ours, theirs = model(x)[0], slow(model, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    weights = torch.randn_like(theirs)
    sources = [x, *model.parameters()]
    found, wanted = (torch.autograd.grad((out * weights).sum(), sources) for out in (ours, theirs))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
