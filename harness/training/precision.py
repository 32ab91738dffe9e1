"""What each --precision means, and where it can be computed."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from harness.errors import RefusedError


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """That of Lightning's training steps; for "64" the model itself is of another type."""
    mixed = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    return torch.autocast(device.type, dtype=mixed, cache_enabled=False) if mixed else nullcontext()


def refuse_precision(precision: str, device: torch.device) -> None:
    """Raises RefusedError where a device cannot compute at a precision."""
    if precision == "16-mixed" and device.type != "cuda":
        raise RefusedError("16-mixed needs a CUDA GPU; on other devices there is bf16-mixed.")
    if precision == "64" and device.type == "mps":
        raise RefusedError("mps has no 64-bit numbers: --precision 32, or --device cpu.")
