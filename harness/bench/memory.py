"""Memory: the peak of a call, of a GPU from its allocator, of a process from the system."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak(call: Callable[[], None], device: torch.device) -> int | None:
    """Bytes; None where the system does not tell, as all but Linux.

    On the CPU it is resident memory, everything that the call touched, workspaces of libraries among it. What lies
    freed in this process is given back before, so that the call has to ask for it again.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    with contextlib.suppress(OSError, KeyError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        _RESET.write_text("5")  # the high-water mark begins anew
        before = _kilobytes("VmRSS")
        call()
        return max(0, _kilobytes("VmHWM") - before) * 1024
    return None


def _kilobytes(name: str) -> int:
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(fields[name].split()[0])
