"""S4D: a state space model with a diagonal matrix for each unit, s' = A s + B u and y = Re(C s) (Gu et al. 2022)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from harness.architecture import CellArchitecture, Facts, State
from harness.space import Float, Int, SearchSpace

from ._inputs import product
from ._scan import scan


class S4D(CellArchitecture):
    """Inputs are projected to hidden_size units u. Each has `state` / 2 complex numbers s and a step size Delta:

        s_t = exp(Delta A) s_{t-1} + (exp(Delta A) - 1) / A u_t,    y_t = 2 Re(C s_t) + D u_t,

    the differential equation with B = 1 and zero-order hold. The outputs are GLU(W gelu(y) + b). A starts as S4D-Lin,
    -1/2 + i pi n for n = 0, 1, ...; Delta between `dt_min` and `dt_max`, evenly on a logarithmic scale. A and Delta
    learn at `lr_scale` times the run's rate and do not decay. Published blocks add a norm and a residual, as
    `block:s4d` does. The state is s, complex, (batch, hidden_size, state / 2). `step` is the equation; `forward`
    convolves all steps with the kernel K_t = 2 Re(C exp(Delta A)^t (exp(Delta A) - 1) / A).
    """

    reference = (
        "Gu, Gupta, Goel & Ré 2022, On the Parameterization and Initialization of Diagonal State Space Models, "
        "arXiv:2206.11893"
    )
    facts = Facts(
        state="a complex vector for each unit: state H numbers",
        eigenvalues="complex, inside the unit circle, the same at each step",
        cannot="parity (Sarrof et al. 2024)",
        cost="2 H^2 and 2 state H",
        parallel="convolution",
    )
    search_space: ClassVar[SearchSpace] = {
        "state": Int(4, 128, log=True),
        "dt_min": Float(1e-4, 1e-2, log=True),
        "dt_max": Float(2e-2, 1.0, log=True),
        "lr_scale": Float(0.1, 1.0, log=True),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        state: int = 64,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        lr_scale: float = 0.5,
    ) -> None:
        if state < 2 or state % 2:
            raise ValueError(f"state must be even and at least 2, as its numbers are pairs of conjugates, got {state}")
        if not 0 < dt_min < dt_max:
            raise ValueError(f"0 < dt_min < dt_max must hold, got dt_min={dt_min}, dt_max={dt_max}")
        if lr_scale <= 0:
            raise ValueError(f"lr_scale must be above 0, got {lr_scale}; 1 learns at the run's rate")
        super().__init__(input_size, hidden_size)
        self.lr_scale, pairs = lr_scale, state // 2
        self.enter = nn.Linear(input_size, hidden_size)
        self.log_dt = nn.Parameter(torch.empty(hidden_size).uniform_(math.log(dt_min), math.log(dt_max)))
        self.log_a_real = nn.Parameter(torch.full((hidden_size, pairs), math.log(0.5)))
        self.a_imag = nn.Parameter((math.pi * torch.arange(pairs)).repeat(hidden_size, 1))
        self.c = nn.Parameter(torch.randn(hidden_size, pairs, 2) * 0.5**0.5)  # real and imaginary parts
        self.d = nn.Parameter(torch.randn(hidden_size))
        self.leave = nn.Linear(hidden_size, 2 * hidden_size)

    def initial_state(self, x: Tensor) -> State:
        kind = torch.promote_types(x.dtype, torch.float32)
        return x.new_zeros(x.shape[0], *self.c.shape[:2], dtype=kind.to_complex())

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        a, b, c = self._discrete(state.real)
        u = self.enter(x).to(state.real.dtype)
        s = a * state + b * u.unsqueeze(2)
        y = 2 * (c * s).real.sum(dim=2) + self.d * u
        return self._outputs(y, x), s

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        y, s = self._convolve(x, state, lengths)
        return self._outputs(y, x), s

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """The outputs, and y before the nonlinearity, each (batch, time, hidden_size)."""
        y, _ = self._convolve(x, state, lengths)
        return {"hidden": self._outputs(y, x), "y": y}

    def parameter_groups(self) -> list[dict[str, Any]]:
        slow = [self.log_dt, self.log_a_real, self.a_imag]
        rest = [p for p in self.parameters() if all(p is not other for other in slow)]
        return [{"params": rest}, {"params": slow, "lr_scale": self.lr_scale, "weight_decay": 0.0}]

    def _discrete(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """exp(Delta A), (exp(Delta A) - 1) / A and C, complex (hidden_size, state / 2), of the precision of `like`."""
        log_dt, real, imag, c = (p.to(like.dtype) for p in (self.log_dt, self.log_a_real, self.a_imag, self.c))
        a = torch.complex(-real.exp(), imag)
        factor = torch.exp(log_dt.exp().unsqueeze(1) * a)
        return factor, (factor - 1) / a, torch.view_as_complex(c)

    def _outputs(self, y: Tensor, x: Tensor) -> Tensor:
        return F.glu(self.leave(F.gelu(y).to(x.dtype)), dim=-1)

    def _convolve(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """y for all steps, (batch, time, hidden_size), and s after each row's last valid step."""
        u = product(x, self.enter.weight, self.enter.bias)
        u = u.to(torch.promote_types(u.dtype, torch.float32))
        a, b, c = self._discrete(u)
        powers = _powers(a, x.shape[1])  # (time, hidden_size, state / 2)
        y: Tensor = _CausalConvolution.apply(u, 2 * _real_sum(powers, c * b))  # type: ignore[no-untyped-call]
        y = y + self.d * u
        end = _last_state(u, powers, lengths) * b
        if state is not None:
            y = y + 2 * _response(powers, c * a * state)
            last = torch.full(x.shape[:1], x.shape[1]) if lengths is None else lengths
            end = end + a * powers[last.to(x.device) - 1] * state
        return y, end


def _powers(a: Tensor, steps: int) -> Tensor:
    """a^0, a^1, ..., (steps, *a.shape), as the scan of an impulse."""
    impulse = a.new_zeros(1, steps, a.numel())
    impulse[:, 0] = 1.0
    return scan(a.flatten(), impulse, impulse.new_zeros(1, a.numel())).view(steps, *a.shape)


def _real_sum(powers: Tensor, weights: Tensor) -> Tensor:
    """Re of the sum over n of powers_{t h n} weights_{h n}: (time, hidden_size)."""
    both = torch.view_as_real(powers) * torch.view_as_real(weights.conj().resolve_conj())
    return both.flatten(2).sum(dim=2)


def _response(powers: Tensor, weights: Tensor) -> Tensor:
    """Re of the sum over n of powers_{t h n} weights_{b h n}: (batch, time, hidden_size)."""
    both = torch.view_as_real(weights.conj().resolve_conj()).flatten(2)
    return torch.einsum("thm,bhm->bth", torch.view_as_real(powers).flatten(2), both)


def _last_state(u: Tensor, powers: Tensor, lengths: Tensor | None) -> Tensor:
    """The sum over k of powers_{last - k} u_k, for each row's last valid step: (batch, hidden_size, state / 2)."""
    steps = u.shape[1]
    if lengths is not None:  # rows are moved so that each ends at the last step, with zeros before
        source = torch.arange(steps, device=u.device) + lengths.to(u.device).unsqueeze(1) - steps
        moved = u.gather(1, source.clamp(min=0).unsqueeze(2).expand_as(u))
        u = moved.masked_fill((source < 0).unsqueeze(2), 0.0)
    of_units = torch.view_as_real(powers).flatten(2)  # (time, hidden_size, state)
    summed = torch.bmm(u.flip(1).permute(2, 0, 1), of_units.transpose(0, 1)).transpose(0, 1)
    return torch.view_as_complex(torch.unflatten(summed, 2, (-1, 2)).contiguous())


class _CausalConvolution(torch.autograd.Function):
    """The sum over k of kernel_{t - k} u_k, each unit by itself: u (batch, time, units), kernel (time, units).

    By Fourier transforms over twice the time. The gradient that torch has for a real transform is a complex transform
    of full length, which takes twice as long.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, kernel: Tensor) -> Tensor:
        spectra = _spectrum(u), _spectrum(kernel)
        ctx.save_for_backward(*spectra)
        return _first_half(spectra[0] * spectra[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upon: Tensor) -> tuple[Tensor, Tensor]:
        of_u, of_kernel = ctx.saved_tensors
        of_upon = _spectrum(upon)
        upon_kernel = torch.einsum("bhf,bhf->hf", of_upon, of_u.conj())
        return _first_half(of_upon * of_kernel.conj()), _first_half(upon_kernel)


def _spectrum(x: Tensor) -> Tensor:
    """(..., time, units) to (..., units, frequencies), behind as many zeros as there are steps.

    rfft pads by itself if told a length, and takes ten times as long for it.
    """
    spectrum: Tensor = torch.fft.rfft(F.pad(x.transpose(-2, -1).contiguous(), (0, x.shape[-2])))
    return spectrum


def _first_half(spectrum: Tensor) -> Tensor:
    """(..., units, frequencies) to the first half of the steps, (..., time, units)."""
    steps = spectrum.shape[-1] - 1
    both: Tensor = torch.fft.irfft(spectrum, n=2 * steps)
    return both[..., :steps].transpose(-2, -1).contiguous()
