"""Calls the time loops of the C files here, which installing the harness compiles where there is a compiler."""

from __future__ import annotations

import ctypes
import warnings
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.training.loops.used import note

_VERSION = 4
"""`kernels_version` of `_kernels.c`."""
SOURCE = "646facdaaf3290e5"
"""The beginning of the SHA-256 of all C files here and of kernels.h: their changes are changes of the plugins' code."""


@cache
def library() -> ctypes.CDLL | None:
    """The compiled loops, or None where the installation found no compiler, or built them from another version."""
    here = Path(__file__).parent
    for file in (here / f"_kernels{suffix}" for suffix in EXTENSION_SUFFIXES):
        if file.is_file():
            try:
                loops = ctypes.CDLL(str(file))
                if loops.kernels_version() == _VERSION:
                    return loops
                why = "of another version"
            except (OSError, AttributeError) as error:
                why = str(error)
            warnings.warn(f"{file} is not used: {why}. Install the harness again.", RuntimeWarning, stacklevel=2)
    return None


def applies(*tensors: Tensor) -> bool:
    """Whether the loops may compute with these: in single precision, on a CPU, with one thread.

    Where they may not, torch computes. oneDNN's switch says whether fused kernels are wanted on a CPU at all.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    wanted = bool(torch.backends.mkldnn.enabled) and not torch.is_autocast_enabled("cpu") and not traced
    plain = all(_plain(tensor) and tensor.numel() for tensor in tensors)
    return plain and wanted and torch.get_num_threads() == 1 and library() is not None


def _plain(tensor: Tensor) -> bool:
    """In memory that a loop can read; subclasses may stand for something else."""
    ordinary = type(tensor) in (Tensor, nn.Parameter) and tensor.layout == torch.strided
    return ordinary and tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.complex64)


@cache
def _kernel() -> str:
    """What computes, for the record of a run."""
    loops = library()
    assert loops is not None
    loops.kernels_compiler.restype = loops.kernels_processor.restype = ctypes.c_char_p
    return f"installed loop (gcc {loops.kernels_compiler().decode()}, {loops.kernels_processor().decode()})"


def call(name: str, layout: type[ctypes.Structure], **fields: int | Tensor | None) -> None:
    """Calls a loop with a C structure of sizes and arrays; the arrays are what the loop says, and without gaps."""
    values = {field: part.data_ptr() if isinstance(part, Tensor) else part for field, part in fields.items()}
    note(_kernel())
    getattr(library(), name)(ctypes.byref(layout(**values)))


def layout(sizes: str, arrays: str) -> list[tuple[str, type]]:
    """The fields of a C structure: numbers, and then pointers."""
    return [*((name, ctypes.c_size_t) for name in sizes.split()), *((name, ctypes.c_void_p) for name in arrays.split())]
