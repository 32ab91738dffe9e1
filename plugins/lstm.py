"""Long short-term memory with a forget gate and no peepholes (Hochreiter & Schmidhuber 1997; Gers et al. 2000)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Facts, State
from harness.space import Float, SearchSpace

from ._gated import Gated, Init, chrono_biases, norm_or_identity, refuse_rate, weights


class LSTM(Gated):
    """c_t = f * c_{t-1} + i * g and h_t = o * tanh(c_t), with the gates i, f, o and the candidate g of x_t and h_{t-1}.

    `forget_bias` is what the forget gate's bias adds up to at the start. torch adds two bias vectors, so its own start
    is 0 on average; a larger one lets the cell keep what it holds before it has learned to (Jozefowicz et al. 2015).
    With `init=chrono` the biases start at b_f = log u and b_i = -b_f, u uniform between 1 and the number of steps of
    the run's longest sequence less 1, in place of `forget_bias`.

    These options leave the fused kernel for a slower pass, written out step by step, with the same parameters:
    `recurrent_dropout` zeroes units of h_{t-1} on their way into the gates, the same units at all steps of a sequence
    (of a chunk, with `--tbptt`); `zoneout` and `zoneout_cell` are the probabilities that a unit of h and of c keeps its
    old value at a step; `layer_norm` normalises W x_t, U h_{t-1} and the c_t that enters the outputs. The state is
    (h, c), each (batch, hidden_size).
    """

    reference = (
        "Hochreiter & Schmidhuber 1997, Long Short-Term Memory; forget gate: Gers, Schmidhuber & Cummins 2000; "
        "forget bias: Jozefowicz, Zaremba & Sutskever 2015; "
        "chrono: Tallec & Ollivier 2018, arXiv:1804.11188; recurrent dropout: Gal & Ghahramani 2016, arXiv:1512.05287; "
        "zoneout: Krueger et al. 2017, arXiv:1606.01305; layer norm: Ba, Kiros & Hinton 2016, arXiv:1607.06450"
    )
    facts = Facts(
        state="vectors h and c: 2 H numbers",
        eigenvalues="any complex number",
        cannot="more than finite automata with counters (Merrill et al. 2020)",
        cost="4 H^2",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {"forget_bias": Float(0.0, 5.0)}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float = 1.0,
        init: Init = "default",
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        zoneout_cell: float = 0.0,
        layer_norm: bool = False,
        max_length: int | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, recurrent_dropout=recurrent_dropout, layer_norm=layer_norm, zoneout=zoneout
        )
        refuse_rate("zoneout_cell", zoneout_cell)
        if init == "chrono" and forget_bias != 1.0:
            raise ValueError(f"init='chrono' sets the forget gate's bias itself, got forget_bias={forget_bias} as well")
        self.zoneout_cell = zoneout_cell
        self.kernel = nn.LSTM(input_size, hidden_size, batch_first=True)
        self.norm_x, self.norm_h = (norm_or_identity(layer_norm, 4 * hidden_size) for _ in range(2))
        self.norm_c = norm_or_identity(layer_norm, hidden_size, bias=True)
        kept = chrono_biases(init, hidden_size, max_length)
        enter, forget = slice(hidden_size), slice(hidden_size, 2 * hidden_size)  # torch's order: i, f, g, o
        with torch.no_grad():
            _, _, b, c = weights(self.kernel)
            b[forget] = forget_bias if kept is None else kept
            c[forget] = 0.0
            if kept is not None:
                b[enter] = -kept
                c[enter] = 0.0

    def written_out(self) -> bool:
        return super().written_out() or self.zoneout_cell > 0

    def steps(self, x: Tensor, state: State) -> dict[str, Tensor]:
        h, c = (x.new_zeros(x.shape[0], self.hidden_size),) * 2 if state is None else state
        (w, u, b, c_h), mask, seen = weights(self.kernel), self.dropout_mask(x), []
        into = self.norm_x(F.linear(x, w)) + (b + c_h)
        for into_t in into.unbind(dim=1):
            i, f, g, o = (into_t + self.norm_h(F.linear(mask * h, u))).chunk(4, dim=1)
            i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
            new = f * c + i * g
            h = self.zoned(o * torch.tanh(self.norm_c(new)), h, self.zoneout)
            c = self.zoned(new, c, self.zoneout_cell)
            seen.append((i, f, g, o, c, h))
        names = ("input gate", "forget gate", "candidate", "output gate", "cell", "hidden")
        return {name: torch.stack(steps, dim=1) for name, steps in zip(names, zip(*seen, strict=True), strict=True)}
