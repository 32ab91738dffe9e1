"""Calls the loops of `_kernels.c`, which installing the harness compiles where there is a C compiler."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor

SOURCE = "63164e07be6cac09"
"""The beginning of the SHA-256 of `_kernels.c`: who changes it changes this, and with it the plugins' fingerprints."""


@cache
def library() -> ctypes.CDLL | None:
    """The compiled loops, or None where the installation found no compiler."""
    here = Path(__file__).parent
    built = [file for suffix in EXTENSION_SUFFIXES if (file := here / f"_kernels{suffix}").is_file()]
    return ctypes.CDLL(str(built[0])) if built else None


def applies(*tensors: Tensor) -> bool:
    """Whether the loops may compute with these: in single precision, on a CPU, with one thread.

    Where they may not, torch computes. oneDNN's switch says whether fused kernels are wanted on a CPU at all.
    """
    plain = all(x.device.type == "cpu" and x.dtype in (torch.float32, torch.complex64) for x in tensors)
    wanted = torch.backends.mkldnn.enabled and not torch.is_autocast_enabled("cpu")
    ready = torch.get_num_threads() == 1 and library() is not None and not torch.compiler.is_compiling()
    return plain and wanted and ready


def call(name: str, layout: type[ctypes.Structure], **fields: int | Tensor | None) -> None:
    """Calls a loop with a C structure of sizes and arrays; the arrays are what the loop says, and without gaps."""
    values = {field: part.data_ptr() if isinstance(part, Tensor) else part for field, part in fields.items()}
    getattr(library(), name)(ctypes.byref(layout(**values)))


def layout(sizes: str, arrays: str) -> list[tuple[str, type]]:
    """The fields of a C structure: numbers, and then pointers."""
    return [*((name, ctypes.c_size_t) for name in sizes.split()), *((name, ctypes.c_void_p) for name in arrays.split())]
