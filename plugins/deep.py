"""Layers of the wrapped architecture on top of each other (Graves, Mohamed & Hinton 2013)."""

from __future__ import annotations

from typing import ClassVar, Literal, cast

import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, MakeArchitecture, State, Wrapper
from harness.space import Choice, Float, Int, SearchSpace

from ._norms import make_norm


class Deep(Wrapper):
    """`depth` layers, each fed with the outputs of the one below, with dropout between them.

    `residual` adds a layer's input to its output wherever the two are equally wide; `residual_layers` says which
    layers these are, counted from 0. The first is one of them only if output_size equals input_size. `final_norm`
    adds a layer norm or an RMS norm after the last layer, as stacks of residual blocks (`deep:block:X`) have before the
    head. The state is a tuple of the layers' states.
    """

    reference = (
        "Graves, Mohamed & Hinton 2013, Speech Recognition with Deep Recurrent Neural Networks, arXiv:1303.5778; "
        "dropout: Zaremba, Sutskever & Vinyals 2014, arXiv:1409.2329; residual: Wu et al. 2016, arXiv:1609.08144"
    )
    search_space: ClassVar[SearchSpace] = {
        "depth": Int(1, 4),
        "dropout": Float(0.0, 0.5),
        "residual": Choice(False, True),
        "final_norm": Choice("none", "layer", "rms"),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        make: MakeArchitecture,
        *,
        depth: int = 2,
        dropout: float = 0.0,
        residual: bool = False,
        final_norm: Literal["none", "layer", "rms"] = "none",
    ) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}; 1 is the wrapped architecture alone")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}; 0 turns it off")
        layers = [make(input_size, hidden_size)]
        while len(layers) < depth:
            layers.append(make(layers[-1].output_size, hidden_size))
        super().__init__(input_size, hidden_size, layers[-1].output_size)
        self.layers = nn.ModuleList(layers)
        self.final_norm = nn.Identity() if final_norm == "none" else make_norm(final_norm, self.output_size)
        self.dropout = dropout
        self.residual_layers = tuple(
            i for i, layer in enumerate(layers) if residual and layer.input_size == layer.output_size
        )
        self.causal = all(layer.causal for layer in layers)
        self.stateful = all(layer.stateful for layer in layers)
        self.max_length = layers[0].max_length

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        states = (None,) * len(self.layers) if state is None else state
        after = []
        for i, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            fed = F.dropout(x, self.dropout, self.training) if i > 0 else x
            out, new = layer(fed, before, lengths)
            x = x + out if i in self.residual_layers else out
            after.append(new)
        return self.final_norm(x), tuple(after)

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """What each layer observes, as `layer 1: forget gate`, and the outputs; without dropout between the layers."""
        states = (None,) * len(self.layers) if state is None else state
        seen: dict[str, Tensor] = {}
        for i, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            own = cast(Architecture, layer).observe(x, before, lengths)
            seen |= {f"layer {i + 1}: {name}": values for name, values in own.items()}
            out, _ = layer(x, before, lengths)
            x = x + out if i in self.residual_layers else out
        return {**seen, "hidden": self.final_norm(x)}

    def extra_repr(self) -> str:
        return f"dropout={self.dropout}, residual_layers={self.residual_layers}"
