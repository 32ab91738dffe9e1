"""The scan against the loop it stands for: values and gradients, real and complex, whatever the chunks."""

from __future__ import annotations

import pytest
import torch
from harness.plugins import _compiled, _scan
from harness.plugins._scan import at_last_step, scan
from harness.plugins._selective import selective_scan
from torch import Tensor

KINDS = {"real": torch.float64, "complex": torch.complex128}


def loop(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """h_t = a_t * h_{t-1} + b_t, one step after another."""
    states, h = [], start
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, dim=1)


def draw(steps: int, kind: torch.dtype = torch.float64, rows: int = 3, width: int = 4) -> list[Tensor]:
    generator = torch.Generator().manual_seed(steps)
    shapes = [(rows, steps, width), (rows, steps, width), (rows, width)]
    return [(0.7 * torch.randn(s, dtype=kind, generator=generator)).requires_grad_() for s in shapes]


@pytest.fixture(params=[0, 1024], ids=["one chunk", "chunks"])
def small(request, monkeypatch):
    """The same sizes as one chunk and as several."""
    monkeypatch.setattr(_scan, "_SMALL", request.param)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 16, 50])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_equals_the_loop_in_values_and_gradients(kind, steps):
    given = draw(steps, kind)
    ours, theirs = scan(*given), loop(*given)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn_like(theirs)
    found, wanted = (torch.autograd.grad((out * weights).sum().real, given) for out in (ours, theirs))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.skipif(_compiled.library() is None, reason="no C compiler was there at the installation")
@pytest.mark.parametrize("same", [False, True], ids=["each step its own", "one for all"])
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
@pytest.mark.parametrize("kind", [torch.float32, torch.complex64], ids=KINDS)
def test_the_compiled_loop_equals_it_to_single_precision(monkeypatch, kind, steps, same):
    given = [part.detach().requires_grad_() for part in draw(steps, kind, width=5)]
    wide = [part.detach().to(torch.promote_types(kind, torch.float64)).requires_grad_() for part in given]
    weights = torch.randn(3, steps, 5, dtype=kind, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(_scan, "_Scan", None)  # which must not be needed

    def found(solve, parts):
        a, b, start = parts
        out = solve(a[0, 0] if same else a, b, start)
        return [out, *torch.autograd.grad((out * weights).sum().real, parts)]

    ours = found(scan, given)
    theirs = found(lambda a, b, start: loop(a.expand_as(b), b, start), wide)
    for mine, true in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.to(true.dtype), true, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 16, 17, 100])
@pytest.mark.parametrize("steps", [1, 2, 5, 16, 17])
def test_every_length_of_a_chunk_gives_the_same_both_ways(steps, chunk, monkeypatch):
    monkeypatch.setattr(_scan, "_chunk", lambda b: chunk)
    a, b, start = (part.detach() for part in draw(steps))
    ahead, back = torch.empty_like(b), torch.empty_like(b)
    _scan._solve(a, b, start, ahead)
    _scan._solve(a, b, start, back, back=True)
    torch.testing.assert_close(ahead, loop(a, b, start))
    torch.testing.assert_close(back, loop(a.flip(1), b.flip(1), start).flip(1))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_gradients_agree_with_finite_differences(kind):
    assert torch.autograd.gradcheck(scan, draw(5, kind, rows=2, width=2))


@pytest.mark.usefixtures("small")
def test_coefficients_that_are_the_same_at_every_step_need_no_memory_of_their_own():
    a, b, start = draw(20)
    one = a[0, 0].detach().requires_grad_()
    ours, theirs = (solve(one.expand_as(b), b, start) for solve in (scan, loop))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(out.square().sum(), one) for out in (ours, theirs)))


@pytest.mark.usefixtures("small")
def test_zeros_and_long_products_are_exact():
    a, b, start = (torch.full((1, 4000, 1), 0.5), torch.zeros(1, 4000, 1), torch.ones(1, 1))
    a[:, 3000] = 0.0
    b[:, 3000] = 1.0
    h = scan(a, b, start)[0, :, 0]
    assert h[2999] == 0  # 2 ** -3000
    assert h[3010] == 2.0**-10
    assert h.isfinite().all()


@pytest.mark.usefixtures("small")
def test_what_a_later_step_is_does_not_matter():
    a, b, start = (part.detach() for part in draw(30))
    before = scan(a, b, start)[:, :20]
    b[:, 20:] = torch.nan
    assert torch.equal(scan(a, b, start)[:, :20], before)


@pytest.mark.parametrize(
    ("given", "computed"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_computes_in_32_bits_at_least(given, computed):
    assert scan(*(part.to(given) for part in draw(4))).dtype == computed


def test_the_state_at_the_last_step_is_that_of_each_row():
    h = torch.arange(24.0).view(2, 6, 2)
    assert torch.equal(at_last_step(h, None), h[:, 5])
    assert torch.equal(at_last_step(h, torch.tensor([1, 4])), torch.stack([h[0, 0], h[1, 3]]))


@pytest.mark.skipif(_compiled.library() is None, reason="no C compiler was there at the installation")
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("steps", "units", "states"), [(1, 1, 1), (16, 20, 5), (40, 33, 2), (33, 64, 16)])
def test_the_compiled_selective_loop_equals_it_to_single_precision(monkeypatch, steps, units, states, signed):
    """u, Delta, A, B, C and the first states; Delta A goes beyond what exp gives in single precision."""
    torch.manual_seed(0)
    given = [torch.randn(3, steps, units), torch.rand(3, steps, units), -40 * torch.rand(units, states) ** 4]
    given += [torch.randn(3, steps, states), torch.randn(3, steps, states), torch.randn(3, units, states)]
    given[1][:, steps // 2] = 9.0
    weights = [torch.randn(3, steps, units), torch.randn(3, units, states)]

    def found(kind):
        parts = [part.to(kind).requires_grad_() for part in given]
        y, end = selective_scan(*parts, signed)
        total = (y * weights[0]).sum() + (end * weights[1]).sum()
        return [y, end, *torch.autograd.grad(total, parts)]

    wide = found(torch.float64)
    monkeypatch.setattr("harness.plugins._selective.scan", None)  # which must not be needed
    for mine, true in zip(found(torch.float32), wide, strict=True):
        torch.testing.assert_close(mine.double(), true, rtol=1e-5, atol=1e-5 * max(1.0, true.abs().max().item()))
