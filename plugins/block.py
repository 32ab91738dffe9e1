"""The pre-norm residual block: norm, sequence mixer, residual, then norm, MLP, residual (Xiong et al. 2020)."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import MakeArchitecture, State, Wrapper
from harness.space import Choice, Int, SearchSpace

from ._norms import Norm, make_norm
from ._short_conv import ShortConv


class Block(Wrapper):
    """x' = x + mixer(norm(x)) and out = x' + W_2 gelu(W_1 norm(x')), where the mixer is the wrapped architecture.

    `deep:block:X` is the standard stack; `deep.final_norm` adds the norm that such stacks have before the head.
    `norm` is layer norm or RMS norm. The MLP is `expansion` times as wide as the block; with 0 there is none, as in
    Mamba's stack. `conv` is the number of steps that a depthwise causal convolution, followed by a SiLU, sees before
    the mixer; with 0 there is none. The stream is `hidden_size` wide: a linear layer maps inputs of another width into
    it, and another one maps the mixer's outputs back where these have another width. The state is the mixer's, or with
    `conv` the pair of the convolution's last inputs, shape (batch, conv - 1, hidden_size), and the mixer's state.
    """

    reference = (
        "norm before each part: Xiong et al. 2020, On Layer Normalization in the Transformer Architecture, "
        "arXiv:2002.04745; RMS norm: Zhang & Sennrich 2019, arXiv:1910.07467; "
        "convolution before the mixer: Gu & Dao 2023, arXiv:2312.00752"
    )
    search_space: ClassVar[SearchSpace] = {
        "norm": Choice("layer", "rms"),
        "expansion": Int(0, 4),
        "conv": Choice(0, 4),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        make: MakeArchitecture,
        *,
        norm: Norm = "layer",
        expansion: int = 4,
        conv: int = 0,
    ) -> None:
        if expansion < 0:
            raise ValueError(f"expansion must be at least 0, got {expansion}; 0 leaves the MLP out")
        if conv < 0 or conv == 1:
            raise ValueError(f"conv must be 0 or at least 2 steps, got {conv}; 0 leaves the convolution out")
        super().__init__(input_size, hidden_size)
        mixer = make(hidden_size, hidden_size)
        self.enter = _resize(input_size, hidden_size)
        self.norm = make_norm(norm, hidden_size)
        self.conv = ShortConv(hidden_size, conv, bias=True) if conv else None
        self.mixer = mixer
        self.leave = _resize(mixer.output_size, hidden_size)
        self.mlp = (
            nn.Sequential(
                make_norm(norm, hidden_size),
                nn.Linear(hidden_size, expansion * hidden_size),
                nn.GELU(),
                nn.Linear(expansion * hidden_size, hidden_size),
            )
            if expansion
            else None
        )
        self.causal, self.stateful, self.max_length = mixer.causal, mixer.stateful, mixer.max_length

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        x = self.enter(x)
        given, before, past = self._before_mixer(x, state, lengths)
        mixed, after = self.mixer(given, before, lengths)
        x = x + self.leave(mixed)
        if self.mlp is not None:
            x = x + self.mlp(x)
        return x, after if self.conv is None else (past, after)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """What the mixer observes, and the outputs of the block."""
        given, before, _ = self._before_mixer(self.enter(x), state, lengths)
        seen: dict[str, Tensor] = self.mixer.observe(given, before, lengths)
        return {**seen, "hidden": self(x, state, lengths)[0]}

    def _before_mixer(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State, State]:
        """What the mixer is given, its state, and the inputs that the convolution has to see again."""
        x = self.norm(x)
        if self.conv is None:
            return x, state, None
        past, before = (None, None) if state is None else state
        x, past = self.conv(x, past, lengths)
        return F.silu(x), before, past


def _resize(given: int, wanted: int) -> nn.Module:
    return nn.Identity() if given == wanted else nn.Linear(given, wanted)
