"""The work that is timed: passes of a training as `harness run` does them, and what is measured beside it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from harness.training.step import finished

_PRODUCT = {"cpu": 512}  # rows of the square matrices; elsewhere:
_PRODUCT_ELSEWHERE = 8192
_LOOP_STEPS, _LOOP_BATCH, _LOOP_SIZE = 64, 32, 128


def product(device: torch.device, precision: str) -> tuple[Callable[[], None], float]:
    """A product of two large matrices at a precision, and its floating-point operations."""
    rows = _PRODUCT.get(device.type, _PRODUCT_ELSEWHERE)
    dtypes = {"64": torch.float64, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    a = torch.ones(rows, rows, device=device, dtype=dtypes.get(precision, torch.float32))
    out = torch.empty_like(a)
    return finished(lambda: torch.mm(a, a, out=out), device), 2.0 * rows**3


def loop(device: torch.device) -> Callable[[], None]:
    """The yardstick: a recurrence in plain operations, forward and backward; small products and many calls."""
    x = torch.linspace(-1, 1, _LOOP_BATCH * _LOOP_SIZE, device=device).reshape(_LOOP_BATCH, _LOOP_SIZE)
    weight = (torch.eye(_LOOP_SIZE, device=device) * 0.5).requires_grad_()

    def recur() -> None:
        state = x
        for _ in range(_LOOP_STEPS):
            state = torch.tanh(state @ weight + x)
        weight.grad = None
        state.sum().backward()  # type: ignore[no-untyped-call]

    return finished(recur, device)
