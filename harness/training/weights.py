"""Weights of a trained model: to bytes as safetensors, and back into a model. Nothing is ever unpickled."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from harness.discovery.compose import refuse_other_code
from harness.errors import UsageError
from harness.spec import RunSpec
from harness.training.build import build_model, build_task, refuse_other_data
from harness.training.model import Model, count_parameters
from harness.training.precision import converted

KEPT_UP_TO = 2_000_000
"""Trainable parameters; a larger model's weights are kept with `--keep-weights all` only."""


def kept_weights(model: Model, policy: str) -> bytes:
    """The weights of a model as `to_bytes` has them; b"" where the policy (auto, none, all) keeps none."""
    if policy == "none" or (policy == "auto" and count_parameters(model) > KEPT_UP_TO):
        return b""
    return to_bytes(model)


def to_bytes(module: nn.Module) -> bytes:
    """Parameters and buffers of a module, bit for bit, in the safetensors format.

    safetensors has no complex numbers of 128 bits: complex tensors are stored as pairs of real ones. Tensors that share
    memory are stored once for each name.
    """
    tensors = {}
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor):  # else a module's extra state, which may be any object
            tensors[name] = _stored(value)
    return save(tensors)


def from_bytes(module: nn.Module, weights: bytes) -> None:
    """Gives a module the weights that `to_bytes` wrote of one like it; raises UsageError for anything else."""
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    try:
        tensors = load(weights)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"These are no weights in the safetensors format ({' '.join(str(error).split())}).") from None
    unlike = [name for name, value in own.items() if name not in tensors or not _fits(tensors[name], value)]
    unlike += [name for name in tensors if name not in own]
    if unlike:
        shown = ", ".join(unlike[:3]) + (f" and {len(unlike) - 3} more" if len(unlike) > 3 else "")
        raise UsageError(f"These weights are of another model: it differs in {shown}.")
    with torch.no_grad():
        for name, value in own.items():
            stored = tensors[name]
            value.copy_(torch.view_as_complex(stored) if value.is_complex() else stored)


def trained_model(spec: RunSpec, weights: bytes) -> Model:
    """The model of a run with its trained weights, on the CPU, in evaluation mode.

    Raises PluginError where the plugin's code or the task's data have changed since the run, UsageError where these are
    not its weights.
    """
    refuse_other_code(spec)
    task = build_task(spec.task, spec.task_options)
    refuse_other_data(spec, task)
    model = converted(build_model(spec, task), spec.precision)
    from_bytes(model, weights)
    return model.eval()


def _stored(value: Tensor) -> Tensor:
    """A copy on the CPU that shares its memory with nothing."""
    value = value.detach().cpu()
    if value.is_complex():
        value = torch.view_as_real(value.resolve_conj())
    return value.clone(memory_format=torch.contiguous_format)


def _fits(stored: Tensor, value: Tensor) -> bool:
    wanted = torch.view_as_real(value.detach()) if value.is_complex() else value
    return stored.shape == wanted.shape and stored.dtype == wanted.dtype
