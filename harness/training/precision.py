"""What each `--precision` means: the type of the parameters, of the arithmetic, and where it can be computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple, TypeVar

import torch
from torch import nn

from harness.errors import RefusedError

_M = TypeVar("_M", bound=nn.Module)


class Precision(NamedTuple):
    """One way to compute."""

    parameters: torch.dtype = torch.float32
    autocast: torch.dtype | None = None  # of products in forward passes, where it is not that of the parameters
    scaled: bool = False  # the loss is scaled before backward, so that small gradients do not become zero


MEANING = {
    "32": Precision(),
    "64": Precision(parameters=torch.float64),
    "bf16-mixed": Precision(autocast=torch.bfloat16),
    "16-mixed": Precision(autocast=torch.float16, scaled=True),
}


def converted(model: _M, precision: str) -> _M:
    """The model itself, its parameters and buffers of a precision's type."""
    return model.double() if MEANING[precision].parameters is torch.float64 else model


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """That of forward passes. Backward and the optimizer are outside of it, as torch advises for autocast."""
    meaning = MEANING[precision]
    if meaning.autocast:
        return torch.autocast(device.type, dtype=meaning.autocast, cache_enabled=False)
    return _default_dtype(meaning.parameters) if meaning.parameters is not torch.float32 else nullcontext()


def product_dtype(precision: str) -> torch.dtype:
    """The type in which matrix products are computed."""
    return MEANING[precision].autocast or MEANING[precision].parameters


def refuse_precision(precision: str, device: torch.device) -> None:
    """Raises RefusedError where a device cannot compute at a precision."""
    if precision == "16-mixed" and device.type != "cuda":
        raise RefusedError("16-mixed needs a CUDA GPU; on other devices there is bf16-mixed.")
    if precision == "64" and device.type == "mps":
        raise RefusedError("mps has no 64-bit numbers: --precision 32, or --device cpu.")


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """New tensors are of this type, as an architecture's `torch.zeros(...)` in its forward pass must be."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
