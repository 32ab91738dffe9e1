"""mamba, deltanet, mlstm, rwkv7 and linear_attention: the equations of the papers, one step at a time, and in parallel.

`step` and the parallel `forward` are held against loops written out here, and against each other over unequal
lengths and cuts, all in float64, in values and gradients.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from harness.plugins import _memory
from harness.plugins._memory import recall
from harness.plugins.deltanet import DeltaNet
from harness.plugins.linear_attention import LinearAttention
from harness.plugins.mamba import Mamba
from harness.plugins.mlstm import MLSTM
from harness.plugins.rwkv7 import RWKV7
from torch import Tensor

from harness.architecture import Architecture, CellArchitecture, State

ROWS, INPUTS, HIDDEN = 3, 4, 6
STEPS = [1, 2, 7, 33, 70]  # within a chunk, and over one, two and many


def heads_of(x: Tensor, heads: int) -> list[Tensor]:
    return list(x.chunk(heads, dim=-1))


def convolved(conv: torch.nn.Module, x: Tensor) -> Tensor:
    """Each unit over its last inputs, zeros before the first."""
    out = []
    for t in range(x.shape[1]):
        taps = [conv.weight[conv.size - 1 - back] * x[:, t - back] for back in range(conv.size) if t >= back]
        out.append(sum(taps) + (0 if conv.bias is None else conv.bias))
    return torch.stack(out, dim=1)


def linear_attention(model: LinearAttention, x: Tensor) -> Tensor:
    """S_t = a S_{t-1} + k v^T, o = S^T q, each row and head by itself."""
    queries, keys, values = (x @ w.T for w in model.enter.weight.chunk(3))
    outputs = []
    for row in range(len(x)):
        memories = [torch.zeros(model.width, model.width, dtype=x.dtype) for _ in range(model.heads)]
        sums = [torch.zeros(model.width, dtype=x.dtype) for _ in range(model.heads)]
        for t in range(x.shape[1]):
            read = []
            for head in range(model.heads):
                q, k, v = (heads_of(part[row, t], model.heads)[head] for part in (queries, keys, values))
                if model.decay == "none":
                    q, k = (torch.where(u > 0, u + 1, u.exp()) for u in (q, k))
                    memories[head] = memories[head] + torch.outer(k, v)
                    sums[head] = sums[head] + k
                    read.append(q @ memories[head] / (q @ sums[head] + 1e-6))
                    continue
                if model.decay == "fixed":
                    a = torch.full_like(k, 1 - 2.0 ** (-5 - head))
                else:
                    narrow = model.forget[0].weight @ x[row, t]
                    wide = model.forget[1].weight @ narrow + model.forget[1].bias
                    a = torch.sigmoid(heads_of(wide, model.heads)[head]) ** (1 / 16)
                memories[head] = torch.diag(a) @ memories[head] + torch.outer(k / model.width**0.5, v)
                o = q @ memories[head]
                read.append(o / (o.square().mean() + 1e-5).sqrt() * model.norm.weight)
            joined = torch.cat(read)
            if model.decay != "none":
                joined = joined * F.silu(model.gate.weight @ x[row, t] + model.gate.bias)
            outputs.append(model.leave.weight @ joined)
    return torch.stack(outputs).view(len(x), x.shape[1], -1)


def deltanet(model: DeltaNet, x: Tensor) -> Tensor:
    """S_t = a S_{t-1} (I - beta k k^T) + beta v k^T, o = S q, each row and head by itself."""
    mixed = F.silu(convolved(model.conv, x @ model.enter.weight.T))
    queries, keys, values = mixed.chunk(3, dim=2)
    outputs = []
    for row in range(len(x)):
        memories = [torch.zeros(model.width, model.width, dtype=x.dtype) for _ in range(model.heads)]
        for t in range(x.shape[1]):
            read = []
            for head in range(model.heads):
                q, k, v = (heads_of(part[row, t], model.heads)[head] for part in (queries, keys, values))
                q, k = q / q.norm(), k / k.norm()
                beta = torch.sigmoid(model.beta.weight[head] @ x[row, t]) * (2 if model.negative else 1)
                a = torch.ones_like(beta)
                if model.gated:
                    drawn = F.softplus(model.forget.weight[head] @ x[row, t] + model.forget.bias[head])
                    a = torch.exp(-model.log_rate[head].exp() * drawn)
                turned = torch.eye(model.width, dtype=x.dtype) - beta * torch.outer(k, k)
                memories[head] = a * memories[head] @ turned + beta * torch.outer(v, k)
                o = memories[head] @ q
                read.append(o / (o.square().mean() + 1e-5).sqrt() * model.norm.weight)
            joined = torch.cat(read)
            if model.gated:
                joined = joined * F.silu(model.gate.weight @ x[row, t])
            outputs.append(model.leave.weight @ joined)
    return torch.stack(outputs).view(len(x), x.shape[1], -1)


def mlstm(model: MLSTM, x: Tensor) -> Tensor:
    """C = f C + i v k^T, n = f n + i k, h = C q / max(|n q|, 1), without a stabiliser."""
    queries, keys, values, gates = (x @ model.enter.weight.T + model.enter.bias).chunk(4, dim=2)
    outputs = []
    for row in range(len(x)):
        cells = [torch.zeros(model.width, model.width, dtype=x.dtype) for _ in range(model.heads)]
        sums = [torch.zeros(model.width, dtype=x.dtype) for _ in range(model.heads)]
        for t in range(x.shape[1]):
            read = []
            for head in range(model.heads):
                q, k, v = (heads_of(part[row, t], model.heads)[head] for part in (queries, keys, values))
                k = k / model.width**0.5
                i, f = (model.gates.weight[g] @ x[row, t] + model.gates.bias[g] for g in (head, model.heads + head))
                cells[head] = torch.sigmoid(f) * cells[head] + i.exp() * torch.outer(v, k)
                sums[head] = torch.sigmoid(f) * sums[head] + i.exp() * k
                h = cells[head] @ q / (sums[head] @ q).abs().clamp(min=1.0)
                read.append((h - h.mean()) / (h.var(unbiased=False) + 1e-5).sqrt())
            outputs.append(model.leave.weight @ (torch.sigmoid(gates[row, t]) * torch.cat(read) * model.norm))
    return torch.stack(outputs).view(len(x), x.shape[1], -1)


def rwkv7(model: RWKV7, x: Tensor) -> Tensor:
    """S_t = S_{t-1} (diag(w) - kappa^T (a kappa)) + v^T k, each row and head by itself, with rows as vectors."""
    outputs = []
    for row in range(len(x)):
        memories = [torch.zeros(model.width, model.width, dtype=x.dtype) for _ in range(model.heads)]
        for t in range(x.shape[1]):
            before = x[row, t - 1] if t else torch.zeros_like(x[row, t])
            mixed = [x[row, t] + mu * (before - x[row, t]) for mu in model.mu]
            r, k, v = (layer.weight @ mixed[i] for layer, i in ((model.r, 0), (model.k, 2), (model.v, 3)))
            d, a = model.decay, model.rate
            d = d.wide.weight @ torch.tanh(d.narrow.weight @ mixed[1]) + d.wide.bias
            w = torch.exp(-torch.sigmoid(d) / torch.e**0.5)
            a = torch.sigmoid(a.wide.weight @ (a.narrow.weight @ mixed[4]) + a.wide.bias)
            gate = model.gate[2].weight @ torch.sigmoid(model.gate[0].weight @ mixed[5])
            removed, k = k * model.xi, k * (1 + model.alpha * (a - 1))
            read = []
            for head in range(model.heads):
                r_h, w_h, k_h, v_h, a_h, kappa, rho = (
                    heads_of(part, model.heads)[head] for part in (r, w, k, v, a, removed, model.rho)
                )
                kappa = kappa / kappa.norm()
                turned = torch.diag(w_h) - torch.outer(kappa, a_h * kappa)
                memories[head] = memories[head] @ turned + torch.outer(v_h, k_h)
                o = memories[head] @ r_h
                o = (o - o.mean()) / (o.var(unbiased=False) + 64e-5).sqrt()
                weight, bias = (heads_of(part, model.heads)[head] for part in (model.norm.weight, model.norm.bias))
                read.append(o * weight + bias + (r_h * rho * k_h).sum() * v_h)
            outputs.append(model.leave.weight @ (gate * torch.cat(read)))
    return torch.stack(outputs).view(len(x), x.shape[1], -1)


def mamba(model: Mamba, x: Tensor) -> Tensor:
    """h = exp(Delta A) h + Delta B u, y = C h + D u for each unit."""
    u, z = (x @ model.enter.weight.T).chunk(2, dim=2)
    u = F.silu(convolved(model.conv, u))
    narrow, b, c = (u @ model.select.weight.T).split([model.rank, model.state, model.state], dim=2)
    delta = torch.log1p((narrow @ model.delta.weight.T + model.delta.bias).exp())
    h, outputs = torch.zeros(len(x), model.units, model.state, dtype=x.dtype), []
    for t in range(x.shape[1]):
        new = []
        for unit in range(model.units):
            factor = torch.exp(-delta[:, t, unit, None] * model.log_a[unit].exp())
            factor = 2 * factor - 1 if model.signed else factor
            new.append(factor * h[:, unit] + delta[:, t, unit, None] * b[:, t] * u[:, t, unit, None])
        h = torch.stack(new, dim=1)
        y = (h * c[:, t, None]).sum(dim=2) + model.d * u[:, t]
        outputs.append((y * F.silu(z[:, t])) @ model.leave.weight.T)
    return torch.stack(outputs, dim=1)


CASES: dict[str, tuple[type[CellArchitecture], Callable, dict]] = {
    "linear attention": (LinearAttention, linear_attention, {"heads": 4}),  # 4 heads of 2, more than HIDDEN
    "retnet": (LinearAttention, linear_attention, {"decay": "fixed", "heads": 2}),
    "gla": (LinearAttention, linear_attention, {"decay": "input", "heads": 2}),
    "deltanet": (DeltaNet, deltanet, {"heads": 2}),
    "deltanet of one step and one head": (DeltaNet, deltanet, {"heads": 1, "conv": 1}),
    "deltanet negative": (DeltaNet, deltanet, {"heads": 2, "negative": True}),
    "gated deltanet": (DeltaNet, deltanet, {"heads": 4, "gated": True}),
    "mlstm": (MLSTM, mlstm, {"heads": 2}),
    "mlstm that forgets": (MLSTM, mlstm, {"heads": 1, "forget_bias": 0.0}),
    "rwkv7": (RWKV7, rwkv7, {"heads": 2, "rank": 3}),
    "mamba": (Mamba, mamba, {"state": 3}),
    "mamba signed": (Mamba, mamba, {"state": 2, "expand": 1, "conv": 2, "signed": True}),
}


def build(make: type[CellArchitecture], options: dict) -> CellArchitecture:
    """In float64, with every parameter moved away from where it starts, gates that see the inputs among them."""
    torch.manual_seed(0)
    model = make(INPUTS, HIDDEN, **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def inputs(steps: int) -> Tensor:
    return torch.randn(ROWS, steps, INPUTS, dtype=torch.double, requires_grad=True)


def stepped(model: CellArchitecture, x: Tensor, state: State = None, lengths: Tensor | None = None):
    """By the equation of one step."""
    return CellArchitecture.forward(model, x, state, lengths)


def flat(state: State) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in flat(part)]


def assert_same(ours: list[Tensor], theirs: list[Tensor], sources: list[Tensor]) -> None:
    """Values, and the gradients of one weighted sum of them."""
    for mine, true in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-8, atol=1e-9)
    weights = [torch.randn_like(true) for true in theirs]
    sums = [sum((part * w).sum() for part, w in zip(parts, weights, strict=True)) for parts in (ours, theirs)]
    found, wanted = (torch.autograd.grad(total, sources) for total in sums)
    for mine, true in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("steps", [1, 11])
@pytest.mark.parametrize("form", ["step", "parallel"])
@pytest.mark.parametrize(("make", "slow", "options"), CASES.values(), ids=CASES)
def test_equals_the_equations_of_the_paper(make, slow, options, form, steps):
    model, x = build(make, options), inputs(steps)
    out = stepped(model, x)[0] if form == "step" else model(x)[0]
    assert_same([out], [slow(model, x)], [x, *model.parameters()])


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("make", "slow", "options"), CASES.values(), ids=CASES)
def test_parallel_equals_step_by_step_over_unequal_lengths_and_a_cut(make, slow, options, steps):
    model, x = build(make, options), inputs(steps)
    lengths = torch.tensor([steps, (steps + 1) // 2, 1])
    valid = (torch.arange(steps) < lengths.unsqueeze(1)).unsqueeze(2)
    theirs, end = stepped(model, x, None, lengths)
    ours, last = model(x, None, lengths)
    # the outputs alone: the stabiliser of mlstm has no gradient of its own, since no output depends on it
    assert_same([ours * valid], [theirs * valid], [x, *model.parameters()])
    for mine, true in zip(flat(last), flat(end), strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-8, atol=1e-9)
    for cut in {1, steps // 3, steps - 1} - {0, steps}:
        first, state = model(x[:, :cut])
        second, _ = model(x[:, cut:], state)
        assert_same([torch.cat([first, second], dim=1)], [stepped(model, x)[0]], [x, *model.parameters()])


@pytest.mark.parametrize(("make", "slow", "options"), CASES.values(), ids=CASES)
def test_what_is_observed_is_named_and_is_of_the_model(make, slow, options):
    model, x = build(make, options), inputs(9)
    state = model(inputs(4))[1]
    seen = model.observe(x, state)
    torch.testing.assert_close(seen["hidden"], model(x, state)[0])
    assert all(part.shape[:2] == (ROWS, 9) and part.dim() == 3 for part in seen.values())
    later = model.observe(x[:, 5:], model(x[:, :5], state)[1])
    for name, part in seen.items():
        torch.testing.assert_close(part[:, 5:], later[name], msg=f"{name} must not depend on where it is cut")


def test_strong_decay_neither_overflows_nor_loses_what_comes_after():
    """Decays of exp(-200) a step: their sums over a chunk are beyond what 32 bits can divide by."""
    q, k, v = (torch.randn(1, 1, 100, 3, requires_grad=True) for _ in range(3))
    log_a = torch.full((1, 1, 100, 1), -200.0, requires_grad=True)
    o, memory = recall(q, k, v, log_a, torch.ones(1, 1, 3, 3))
    torch.testing.assert_close(o, (q * k).sum(dim=3, keepdim=True) * v)
    torch.testing.assert_close(memory, k[:, :, -1].unsqueeze(3) * v[:, :, -1].unsqueeze(2))
    for gradient in torch.autograd.grad(o.sum(), [q, k, v, log_a]):
        assert gradient.isfinite().all()


@pytest.mark.parametrize("size", [30.0, 3000.0])
def test_the_strongest_decays_of_gla_are_computed_in_32_bits(size):
    model = LinearAttention(INPUTS, HIDDEN, decay="input")
    with torch.no_grad():
        model.forget[1].bias.uniform_(-size, size / 10)
    x = torch.randn(ROWS, 70, INPUTS, requires_grad=True)
    ours, theirs = model(x), stepped(model, x)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    found, wanted = (torch.autograd.grad(out.square().sum(), [x, *model.parameters()]) for out, _ in (ours, theirs))
    for mine, true in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-3, atol=1e-4)


def test_an_input_gate_of_any_size_leaves_an_mlstm_finite():
    """exp(i~) itself would be infinite from 89 on."""
    model = MLSTM(INPUTS, HIDDEN)
    with torch.no_grad():
        model.gates.weight.normal_(std=300.0)
    x = torch.randn(ROWS, 50, INPUTS, requires_grad=True)
    out, state = model(x)
    torch.testing.assert_close(out, stepped(model, x)[0], rtol=1e-3, atol=1e-4)
    assert all(part.isfinite().all() for part in [out, *flat(state)])
    assert all(g.isfinite().all() for g in torch.autograd.grad(out.square().sum(), [x, *model.parameters()]))


def test_a_chunk_of_any_size_gives_the_same(monkeypatch):
    model, x = build(DeltaNet, {"gated": True}), inputs(20)
    whole = model(x)[0]
    for size in (1, 3, 20, 64):
        monkeypatch.setattr(_memory, "cut", lambda part, size=size: _cut(part, size))
        torch.testing.assert_close(model(x)[0], whole)


def _cut(x: Tensor, size: int) -> Tensor:
    return F.pad(x, (0, 0, 0, -x.shape[2] % size)).unflatten(2, (-1, size))


def eigenvalues(model: Architecture, x: Tensor) -> Tensor:
    """Of the derivative of the memory after one step with respect to the one before it."""
    past, memory = (torch.randn_like(part) for part in model.initial_state(x[:, None]))

    def after(before: Tensor) -> Tensor:
        return model.step(x, (past, before.view_as(memory)))[1][1].flatten()

    return torch.linalg.eigvals(torch.autograd.functional.jacobian(after, memory.flatten()))


@pytest.mark.parametrize(
    ("make", "option"), [(DeltaNet, "negative"), (Mamba, "signed")], ids=["deltanet negative", "mamba signed"]
)
def test_only_the_option_makes_eigenvalues_negative_and_none_leaves_the_unit_interval(make, option):
    lowest = {}
    for value in (False, True):
        model = build(make, {option: value})
        found = torch.cat([eigenvalues(model, 3 * x.unsqueeze(0)) for x in inputs(20)[0].detach()])
        assert found.imag.abs().max() < 1e-6
        assert found.real.max() <= 1 + 1e-6
        lowest[value] = found.real.min().item()
    assert lowest[False] >= -1e-6
    assert -1 - 1e-6 <= lowest[True] < -0.3


def test_eigenvalues_of_rwkv7_reach_below_zero_but_not_to_minus_one():
    """w is exp(-exp(-0.5)) at least, 0.545, and a below 1."""
    model = build(RWKV7, {"heads": 2, "rank": 3})
    with torch.no_grad():
        model.rate.bias.fill_(4.0)
        model.decay.bias.fill_(4.0)
    found = torch.cat([eigenvalues(model, 3 * x.unsqueeze(0)) for x in inputs(20)[0].detach()])
    assert found.imag.abs().max() < 1e-6
    assert -0.455 < found.real.min() < -0.3
    assert found.real.max() <= 1


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (Mamba, {"state": 0}, "expand >= 1 and state >= 1, got expand=2, state=0"),
        (Mamba, {"conv": 0}, "conv must be at least 1, got 0"),
        (DeltaNet, {"heads": 0}, "heads must be at least 1, got 0"),
        (MLSTM, {"heads": 0}, "heads must be at least 1, got 0"),
        (RWKV7, {"rank": 0}, "heads >= 1 and rank >= 1, got heads=4, rank=0"),
        (LinearAttention, {"heads": 0}, "heads must be at least 1, got 0"),
        (LinearAttention, {"decay": "slow"}, "'none', 'fixed' or 'input', got 'slow'"),
    ],
)
def test_a_wrong_option_is_refused_with_its_value(make, options, said):
    with pytest.raises(ValueError, match=said):
        make(INPUTS, HIDDEN, **options)


def test_a_memory_is_computed_in_32_bits_under_autocast_too():
    q, k, v, x, y = torch.randn(5, ROWS, 2, 20, 4)
    log_a, memory = -torch.rand(ROWS, 2, 20, 4), torch.randn(ROWS, 2, 4, 4)
    rate = torch.rand(ROWS, 2, 20, 1)

    def computed() -> list[Tensor]:
        reads = [
            recall(q, k, v, log_a, memory),
            _memory.recall_by_delta(q, k, v, rate, log_a[..., :1], memory),
            _memory.recall_by_transition(q, k, v, x, y, log_a, memory),
        ]
        return [_memory.read(memory, q[:, :, 0]), *(part for each in reads for part in each)]

    expected = computed()
    with torch.autocast("cpu", torch.bfloat16):
        assert all(torch.equal(*pair) for pair in zip(computed(), expected, strict=True))
