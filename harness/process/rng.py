"""The global random generators of torch, Python and numpy: seeded together, and restored.

The core draws from torch's only; plugins may use any of them in their constructors, or while they compute.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import torch


def seed_all(seed: int) -> None:
    """Seeds all of them; what is drawn next is the same at one seed."""
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := _numpy():
        numpy.random.seed(seed % 2**32)  # as much as it takes


@contextmanager
def preserve_rng(devices: Sequence[int] = ()) -> Iterator[None]:
    """Restores their state on leaving; `devices`: the CUDA devices whose generators are restored too."""
    numpy = _numpy()
    python_state, numpy_state = random.getstate(), numpy.random.get_state() if numpy else None
    try:
        with torch.random.fork_rng(devices=list(devices)):
            yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)


def _numpy() -> ModuleType | None:
    """numpy where it is installed: torch has imported it then."""
    return sys.modules.get("numpy")
