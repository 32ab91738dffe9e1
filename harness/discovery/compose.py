"""Builds an architecture from its name: loads the parts, hands out their options, adapts plain modules."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.architecture import Architecture, State, Wrapper
from harness.discovery import registry
from harness.discovery.options import Option, options_of, resolve
from harness.errors import PluginError, RefusedError, UsageError
from harness.names import split_parts
from harness.process.rng import kept
from harness.spec import RunSpec


@dataclass(frozen=True)
class Part:
    """One part of a composed architecture, loaded."""

    name: str
    plugin: Any
    options: Mapping[str, Option]
    code: str  # fingerprint of its source


def parts_of(name: str) -> list[Part]:
    """The loaded parts of 'deep:bidirectional:gru', outermost first; a wrapper alone wraps its `default_base`."""
    parts = [_load(part) for part in split_parts(name)]
    if is_wrapper(parts[-1].plugin):
        parts.append(_load(parts[-1].plugin.default_base))
    if is_wrapper(parts[-1].plugin):
        raise PluginError(f"{parts[-2].name!r} wraps {parts[-1].name!r} by default, which is a wrapper itself.")
    for part in parts[:-1]:
        if not is_wrapper(part.plugin):
            raise UsageError(f"{part.name!r} wraps nothing: only a wrapper such as 'deep' can stand before a colon.")
    if len({part.name for part in parts}) < len(parts):
        raise UsageError(f"{name!r} names a part twice; each wrapper can be used once.")
    return parts


def full_name(name: str) -> str:
    """The name with what a wrapper alone wraps: 'deep' -> 'deep:lstm'."""
    last = registry.find("architecture", split_parts(name)[-1]).load()
    return f"{name}:{last.default_base}" if is_wrapper(last) else name


def refuse_other_code(spec: RunSpec) -> None:
    """Raises PluginError where this machine's plugins are not those that the run was planned with."""
    architecture = "+".join(part.code for part in parts_of(spec.architecture)) if spec.architecture_code else ""
    task = registry.find("task", spec.task).fingerprint() if spec.task_code else ""
    for name, planned, here in (
        (spec.architecture, spec.architecture_code, architecture),
        (spec.task, spec.task_code.partition("+")[0], task),  # after a plus: its data
    ):
        if planned != here:
            where = platform.node() or "this node"
            raise PluginError(f"{name} has other code on {where} than on the driver: install the same version there.")


def is_wrapper(plugin: Any) -> bool:
    return inspect.isclass(plugin) and issubclass(plugin, Wrapper)


def build_architecture(
    name: str,
    input_size: int,
    hidden_size: int,
    options: Mapping[str, Any] | None = None,
    max_length: int | None = None,
) -> Architecture:
    """One architecture, ready to use; options are keyed 'part.option', e.g. {"lstm.forget_bias": 0.0}."""
    parts = parts_of(name)
    split = split_options(parts, options or {})
    return _make(parts, split, input_size, hidden_size, max_length)


def split_options(parts: list[Part], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every option of every part with its value, one dictionary a part."""
    known = {part.name for part in parts}
    for key in options:
        if key.partition(".")[0] not in known:
            raise UsageError(f"Option {key!r} names no part of the architecture: {', '.join(sorted(known))}.")
    return [
        resolve(part.name, part.options, {k.partition(".")[2]: v for k, v in options.items() if _owner(k) == part.name})
        for part in parts
    ]


def as_architecture(module: nn.Module, input_size: int, hidden_size: int) -> Architecture:
    """The module itself if it keeps the contract's interface, else the module behind it."""
    return module if isinstance(module, Architecture) else PlainModule(module, input_size, hidden_size)


class PlainModule(Architecture):
    """A stranger's `nn.Module` that returns `out` or `(out, anything)`: no state is carried for it.

    Declarations (`causal`, `max_length`, `output_size`, `parameter_groups`) are taken from the module if it has them. A
    class that declares `batch_first = False` is given (time, batch, input_size), and gives its outputs so.
    """

    stateful = False

    def __init__(self, module: nn.Module, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.module = module
        self.causal = getattr(module, "causal", True)
        self.max_length = getattr(module, "max_length", None)
        self.output_size = getattr(module, "output_size", None) or self._dry_run()

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        turned = _declares_time_first(self.module)
        out = self.module(x.transpose(0, 1) if turned else x)
        out = out[0] if isinstance(out, tuple) else out
        return (out.transpose(0, 1) if turned and isinstance(out, Tensor) and out.dim() > 1 else out), None

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups = getattr(self.module, "parameter_groups", None)
        return groups() if groups else super().parameter_groups()

    def _dry_run(self) -> int:
        """The width of the output for a short input, found without disturbing buffers or generators."""
        device = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        was_training = [(part, part.training) for part in self.module.modules()]
        self.module.eval()
        with torch.no_grad(), kept():
            out, _ = self.forward(torch.zeros(2, 3, self.input_size, device=device))
        for part, training in was_training:
            part.training = training
        if not isinstance(out, Tensor) or out.dim() != 3 or out.shape[:2] != (2, 3):
            name = type(self.module).__name__
            raise RefusedError(wrong_shape(name, (2, 3, self.input_size), out) + time_first(self.module))
        return out.shape[2]


def wrong_shape(name: str, given: tuple[int, ...], out: Any) -> str:
    """What to say of an output that is not (batch, time, output_size)."""
    seen = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    rule = "an architecture maps (batch, time, input_size) to (batch, time, output_size), batch first"
    return f"{name} turned an input of shape {given} into {seen}; {rule}."


def time_first(module: nn.Module) -> str:
    """A hint to add to a refusal where a part of the module takes time first, as torch's layers do by default."""
    if any(_declares_time_first(part) for part in module.modules()):
        return ""
    parts = {type(part).__name__ for part in module.modules() if getattr(part, "batch_first", None) is False}
    return f" {' and '.join(sorted(parts))}: batch_first=False; pass batch_first=True." if parts else ""


def _declares_time_first(module: nn.Module) -> bool:
    """Whether its class says so; torch's layers have an attribute of that name in each of them, not in the class."""
    return getattr(type(module), "batch_first", None) is False


def _load(name: str) -> Part:
    found = registry.find("architecture", name)
    plugin = found.load()
    if not callable(plugin):
        raise PluginError(f"architecture {name!r} is a {type(plugin).__name__}, not a class or a function.")
    options = {key: option for key, option in options_of(plugin).items() if key != "max_length"}
    return Part(found.name, plugin, options, found.fingerprint())


def _make(
    parts: list[Part], options: list[dict[str, Any]], input_size: int, hidden_size: int, max_length: int | None
) -> Architecture:
    part, given = parts[0], dict(options[0])
    if "max_length" in inspect.signature(part.plugin).parameters:
        given["max_length"] = max_length
    if not is_wrapper(part.plugin):
        return as_architecture(part.plugin(input_size, hidden_size, **given), input_size, hidden_size)

    def make(inner_input: int, inner_hidden: int) -> Architecture:
        return _make(parts[1:], options[1:], inner_input, inner_hidden, max_length)

    wrapped: Architecture = part.plugin(input_size, hidden_size, make, **given)
    return wrapped


def _owner(key: str) -> str:
    return key.partition(".")[0]
