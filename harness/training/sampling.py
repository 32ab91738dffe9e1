"""Text from a trained model: characters drawn one by one, with the state carried."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.training.model import Model


@runtime_checkable
class Text(Protocol):
    """A task of characters: a model that is trained on it can write."""

    characters: str

    def encoded(self, text: str) -> Tensor:
        """Characters to symbols, int64 (characters,)."""
        ...

    def decoded(self, symbols: list[int]) -> str:
        """Symbols to characters."""
        ...


def refuse_prompt(text: Text, prompt: str) -> None:
    """Raises UsageError for a prompt that the model cannot read."""
    if not prompt:
        raise UsageError("--prompt is empty: give at least one character to begin with.")
    strange = sorted(set(prompt) - set(text.characters))
    if strange:
        shown = " ".join(map(repr, strange[:5]))
        raise UsageError(f"--prompt: {shown} is no character of the text that was learned: leave it out.")


@torch.no_grad()
def written(model: Model, text: Text, prompt: str, length: int, temperature: float, seed: int) -> str:
    """`length` characters after a prompt, drawn at a temperature (0: the likeliest each time) from a seed."""
    generator = torch.Generator().manual_seed(seed)
    symbols = text.encoded(prompt).unsqueeze(0)
    drawn: list[int] = []
    state = None
    for _ in range(length):
        answer, state = model(symbols, None, state)
        scores = answer[0, -1, 0].double()
        scores[0] = -torch.inf  # what stands for any other character cannot be written
        symbols = _drawn(scores, temperature, generator).reshape(1, 1)
        drawn.append(int(symbols))
    return text.decoded(drawn)


def _drawn(scores: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return scores.argmax()
    return torch.multinomial(torch.softmax(scores / temperature, dim=0), 1, generator=generator)
