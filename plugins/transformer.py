"""A decoder-only transformer: causal self-attention over all that came before (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, Facts, State
from harness.space import Choice, Int, SearchSpace

Positions = Literal["sinusoid", "none"]


class Transformer(Architecture):
    """`layers` pre-norm blocks of attention and a feed-forward network four times as wide, with a norm at the end.

    hidden_size may be any number: each of the `heads` is hidden_size / heads wide, rounded up, and the projections into
    and out of the heads make up for the difference. Positions are added as sines and cosines, which any length has;
    with "none" the causal mask alone tells what came first (Kazemnejad et al. 2023). It is declared not stateful: the
    memory of a transformer is its whole past, which has no fixed size. It recommends a smaller learning rate than the
    common default: at 1e-3 both of two seeds learned to copy over 20 steps in 600 updates, at 5e-3 one of them.
    """

    reference = (
        "Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762; norm before each part: Xiong et al. 2020, "
        "arXiv:2002.04745; no positions: Kazemnejad et al. 2023, arXiv:2305.19466"
    )
    facts = Facts(
        state="all past inputs, not carried",
        eigenvalues="none",
        cannot="parity (Hahn 2020); the word problem of A5 (Merrill & Sabharwal 2023)",
        cost="12 H^2 a layer, and H for every past step",
        parallel="yes",
    )
    search_space: ClassVar[SearchSpace] = {
        "layers": Int(1, 4),
        "heads": Int(1, 8),
        "positions": Choice("sinusoid", "none"),
    }
    recommended: ClassVar[dict[str, float]] = {"lr": 1e-3}
    stateful = False

    def __init__(
        self, input_size: int, hidden_size: int, *, layers: int = 2, heads: int = 4, positions: Positions = "sinusoid"
    ) -> None:
        if layers < 1 or heads < 1:
            raise ValueError(f"a transformer needs layers >= 1 and heads >= 1, got layers={layers}, heads={heads}")
        if positions not in get_args(Positions):
            raise ValueError(f"positions must be 'sinusoid' or 'none', got {positions!r}; leave it out for 'sinusoid'")
        super().__init__(input_size, hidden_size)
        self.positions = positions
        self.enter = nn.Linear(input_size, hidden_size)
        self.blocks = nn.Sequential(*[_Block(hidden_size, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        x = self.enter(x)
        if self.positions == "sinusoid":
            x = x + sinusoids(x.shape[1], self.hidden_size, x)
        return self.norm(self.blocks(x)), None


class _Block(nn.Module):
    """x + attention(norm(x)), then the same with a feed-forward network; shape (batch, time, hidden_size)."""

    def __init__(self, hidden_size: int, heads: int) -> None:
        super().__init__()
        inner = heads * -(-hidden_size // heads)
        self.heads = heads
        self.norm = nn.LayerNorm(hidden_size)
        self.split = nn.Linear(hidden_size, 3 * inner)
        self.join = nn.Linear(inner, hidden_size)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, 4 * hidden_size),
            nn.GELU(),
            nn.Linear(4 * hidden_size, hidden_size),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.join(self._attention(self.norm(x)))
        out: Tensor = x + self.feed_forward(x)
        return out

    def _attention(self, x: Tensor) -> Tensor:
        query, key, value = self.split(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)


def sinusoids(steps: int, width: int, like: Tensor) -> Tensor:
    """Sines, then cosines, of each step at wavelengths from 2 pi to 10000 times that: (steps, width)."""
    half = (width + 1) // 2
    frequencies = 10_000.0 ** (-torch.arange(half, device=like.device) / half)
    angles = torch.arange(steps, device=like.device).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].to(like.dtype)
