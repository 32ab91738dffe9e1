"""One colour for each architecture, the same in every chart; told apart by the colour-blind too."""

from __future__ import annotations

from hashlib import sha256

PALETTE = {  # Okabe & Ito (2008) without its black and its pale yellow, then of Tol's muted scheme what is unlike them
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "indigo": "#332288",
    "wine": "#882255",
    "olive": "#999933",
    "teal": "#44AA99",
}
_FIXED = {
    "rnn": "vermilion",
    "lstm": "blue",
    "gru": "green",
    "bidirectional:lstm": "purple",
    "deep:lstm": "sky",
    "deep:gru": "teal",
    "bidirectional:gru": "olive",
    "transformer": "wine",
    "tcn": "indigo",
    "mlp": "orange",
}
_OTHERS = [name for name in PALETTE if name not in ("vermilion", "blue", "green")]  # those are well known
CHANCE = "#808080"


def colour(label: str) -> str:
    """The colour of an architecture and variant, '#RRGGBB'; any label has one, always the same."""
    if label == "chance":
        return CHANCE
    drawn = _OTHERS[int(sha256(label.encode("utf-8", "backslashreplace")).hexdigest(), 16) % len(_OTHERS)]
    return PALETTE[_FIXED.get(label, drawn)]
