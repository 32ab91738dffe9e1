"""Plain modules as architectures: the adapter, and what is said of a module whose shapes do not fit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harness.architecture import Architecture, State
from harness.errors import RefusedError
from harness.process.rng import preserve_rng

_ROWS, _SHORT = 2, 3  # of the input that the width of the output is found with


def as_architecture(
    module: nn.Module, input_size: int, hidden_size: int, max_length: int | None = None
) -> Architecture:
    """The module itself if it keeps the contract's interface, else an adapter round it.

    `max_length`: the most time steps it will be given, for a module that cannot take few.
    """
    return module if isinstance(module, Architecture) else PlainModule(module, input_size, hidden_size, max_length)


class PlainModule(Architecture):
    """A plain `nn.Module` that returns `out` or `(out, anything)`; no state is carried for it.

    Declarations (`causal`, `max_length`, `output_size`, `parameter_groups`) are taken from the module if it has them. A
    class that declares `batch_first = False` takes (time, batch, input_size) and returns its outputs in that order.
    """

    stateful = False

    def __init__(self, module: nn.Module, input_size: int, hidden_size: int, longest: int | None = None) -> None:
        super().__init__(input_size, hidden_size)
        self.module = module
        self.causal = getattr(module, "causal", True)
        self.max_length = getattr(module, "max_length", None)
        self.output_size = getattr(module, "output_size", None) or self._dry_run(longest)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        time_first = _declares_time_first(self.module)
        out = self.module(x.transpose(0, 1) if time_first else x)
        out = out[0] if isinstance(out, tuple) else out
        return (out.transpose(0, 1) if time_first and isinstance(out, Tensor) and out.dim() > 1 else out), None

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups = getattr(self.module, "parameter_groups", None)
        return groups() if groups else super().parameter_groups()

    def _dry_run(self, longest: int | None) -> int:
        """The width of the output for a short input, found without disturbing buffers or generators."""
        device = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        was_training = [(part, part.training) for part in self.module.modules()]
        self.module.eval()
        try:
            out, given = self._output(_SHORT, longest, device)
        finally:
            for part, training in was_training:
                part.training = training
        if not isinstance(out, Tensor) or out.dim() != 3 or out.shape[:2] != given[:2]:
            name = type(self.module).__name__
            raise RefusedError(wrong_shape_message(name, given, out) + time_first_hint(self.module))
        return out.shape[2]

    def _output(self, steps: int, longest: int | None, device: torch.device) -> tuple[Any, tuple[int, int, int]]:
        """The output for zeros, and their shape: a few steps, or as many as a run has where it fails for a few."""
        given = (_ROWS, steps, self.input_size)
        try:
            with torch.no_grad(), preserve_rng():
                return self.forward(torch.zeros(given, device=device))[0], given
        except Exception:
            if longest and longest > steps:
                return self._output(longest, None, device)
            raise


def wrong_shape_message(name: str, given: tuple[int, ...], out: Any) -> str:
    """The message for an output that is not (batch, time, output_size)."""
    seen = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    rule = "an architecture maps (batch, time, input_size) to (batch, time, output_size), batch first"
    return f"{name} turned an input of shape {given} into {seen}; {rule}."


def time_first_hint(module: nn.Module) -> str:
    """A hint for a refusal: a part of the module takes time first, as torch's layers do by default; or ''."""
    if any(_declares_time_first(part) for part in module.modules()):
        return ""
    parts = {type(part).__name__ for part in module.modules() if getattr(part, "batch_first", None) is False}
    return f" {' and '.join(sorted(parts))}: batch_first=False; pass batch_first=True." if parts else ""


def _declares_time_first(module: nn.Module) -> bool:
    """Whether the class says so. Layers of torch have the attribute in each instance, not in the class."""
    return getattr(type(module), "batch_first", None) is False
