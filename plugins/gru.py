"""The gated recurrent unit, in torch's form: the reset gate acts after the recurrent product (Cho et al. 2014)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Facts, State

from ._gated import Gated, Init, chrono_biases, norm_or_identity, weights


class GRU(Gated):
    """h_t = (1 - z) * n + z * h_{t-1} with n = tanh(W x_t + b + r * (U h_{t-1} + c)) and the gates z, r; torch's start.

    The update gate z keeps the state, as an LSTM's forget gate does: `forget_bias` is what its bias adds up to at the
    start, if given. With `init=chrono` that is log u, u uniform between 1 and the number of steps of the run's longest
    sequence less 1.

    These options leave the fused kernel for a slower pass, written out step by step, with the same parameters:
    `recurrent_dropout` zeroes units of h_{t-1} on their way into gates and candidate, the same units at all steps of a
    sequence (of a chunk, with `--tbptt`); `zoneout` is the probability that a unit keeps its old value at a step;
    `layer_norm` normalises the products with x_t and with h_{t-1}, the gates' and the candidate's apart. The state is
    h, (batch, hidden_size).
    """

    reference = (
        "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, arXiv:1406.1078; "
        "chrono: Tallec & Ollivier 2018, arXiv:1804.11188; recurrent dropout: Gal & Ghahramani 2016, arXiv:1512.05287; "
        "zoneout: Krueger et al. 2017, arXiv:1606.01305; layer norm: Ba, Kiros & Hinton 2016, arXiv:1607.06450"
    )

    facts = Facts(
        state="vector h: H numbers",
        eigenvalues="any complex number",
        cannot="unbounded counting (Weiss et al. 2018)",
        cost="3 H^2",
        parallel="no",
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float | None = None,
        init: Init = "default",
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        layer_norm: bool = False,
        max_length: int | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, recurrent_dropout=recurrent_dropout, layer_norm=layer_norm, zoneout=zoneout
        )
        if init == "chrono" and forget_bias is not None:
            raise ValueError(f"init='chrono' sets the update gate's bias itself, got forget_bias={forget_bias} as well")
        self.kernel = nn.GRU(input_size, hidden_size, batch_first=True)
        self.norm_gates_x, self.norm_gates_h = (norm_or_identity(layer_norm, 2 * hidden_size) for _ in range(2))
        self.norm_n_x, self.norm_n_h = (norm_or_identity(layer_norm, hidden_size) for _ in range(2))
        kept = forget_bias if init == "default" else chrono_biases(init, hidden_size, max_length)
        update = slice(hidden_size, 2 * hidden_size)  # torch's order: r, z, n
        if kept is not None:
            with torch.no_grad():
                _, _, b, c = weights(self.kernel)
                b[update] = kept
                c[update] = 0.0

    def steps(self, x: Tensor, state: State) -> dict[str, Tensor]:
        h = x.new_zeros(x.shape[0], self.hidden_size) if state is None else state
        (w, u, b, c), mask, seen = weights(self.kernel), self.dropout_mask(x), []
        sizes = [2 * self.hidden_size, self.hidden_size]
        gates_x, n_x = torch.split(F.linear(x, w), sizes, dim=2)
        (b_gates, b_n), (c_gates, c_n) = torch.split(b, sizes), torch.split(c, sizes)
        gates_x, n_x = self.norm_gates_x(gates_x) + (b_gates + c_gates), self.norm_n_x(n_x) + b_n
        for gates_t, n_t in zip(gates_x.unbind(dim=1), n_x.unbind(dim=1), strict=True):
            gates_h, n_h = torch.split(F.linear(mask * h, u), sizes, dim=1)
            r, z = torch.sigmoid(gates_t + self.norm_gates_h(gates_h)).chunk(2, dim=1)
            n = torch.tanh(n_t + r * (self.norm_n_h(n_h) + c_n))
            h = self.zoned(n + z * (h - n), h, self.zoneout)
            seen.append((r, z, n, h))
        names = ("reset gate", "update gate", "candidate", "hidden")
        return {name: torch.stack(steps, dim=1) for name, steps in zip(names, zip(*seen, strict=True), strict=True)}
