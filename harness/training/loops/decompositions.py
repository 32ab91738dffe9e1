"""How operations that torch's own table leaves whole are made of simpler ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


def _var(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> Tensor:
    return _var_mean(x, dim, correction=correction, keepdim=keepdim)[0]


def _var_mean(
    x: Tensor, dim: Sequence[int] | None = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    dims = list(range(x.dim()) if dim is None else dim)
    count = prod(x.shape[d] for d in dims)
    mean = aten.sum.dim_IntList(x, dims, True) / count
    rest = x - mean
    var = aten.sum.dim_IntList(rest * rest, dims, keepdim) / max(count - (1 if correction is None else correction), 0)
    return var, mean if keepdim else mean.reshape(var.shape)


def _layer_norm(
    x: Tensor, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    var, mean = _var_mean(x, list(range(x.dim() - len(shape), x.dim())), correction=0, keepdim=True)
    rstd = torch.rsqrt(var + eps)
    out = (x - mean) * rstd
    out = out if weight is None else out * weight
    return out if bias is None else out + bias, mean, rstd


OWN: dict[Any, Callable[..., Any]] = {
    aten.var.correction: _var,
    aten.var_mean.correction: _var_mean,
    aten.native_layer_norm.default: _layer_norm,
}

WHOLE = [
    aten.gelu,
    aten.hardtanh,
    aten._softmax,
    aten._log_softmax,
    aten.linalg_vector_norm,
    aten.logaddexp,
    aten.log_sigmoid_forward,
    aten.hardswish,
    aten.hardsigmoid,
    aten.silu,
    aten.mish,
    aten.softplus,
    aten.elu,
    aten.leaky_relu,
    aten.celu,
    aten.addcmul,
    aten.addcdiv,
    aten.lerp,
    aten.frac,
    aten.std,
    aten.rsub,
    aten.baddbmm,
    aten.stack,
    aten.slice_backward,
    aten.select_backward,
    aten._unsafe_index,
]
"""What the table of basic operations leaves whole, and torch can take apart by another one."""
