"""One colour for each architecture, the same in every chart; told apart by the colour-blind too."""

from __future__ import annotations

from hashlib import sha256

# Okabe & Ito (2008), without its black and its pale yellow.
PALETTE = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "orange": "#E69F00",
}
_FIXED = {"rnn": "vermilion", "lstm": "blue", "gru": "green", "bidirectional": "purple", "deep": "sky"}
CHANCE = "#808080"


def colour(label: str) -> str:
    """The colour of an architecture and variant, '#RRGGBB'; any label has one, always the same."""
    if label == "chance":
        return CHANCE
    name = _FIXED.get(label)
    others = list(PALETTE)
    return PALETTE[name or others[int(sha256(label.encode()).hexdigest(), 16) % len(others)]]
