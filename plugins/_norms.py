"""Norms over the features of one step, by the names that options use."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

Norm = Literal["layer", "rms"]


def make_norm(kind: str, width: int) -> nn.Module:
    """Layer norm (Ba, Kiros & Hinton 2016) or RMS norm (Zhang & Sennrich 2019) over `width` features."""
    if kind not in get_args(Norm):
        raise ValueError(f"norm must be 'layer' or 'rms', got {kind!r}")
    return nn.LayerNorm(width) if kind == "layer" else nn.RMSNorm(width)
