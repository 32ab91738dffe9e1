"""sLSTM: an LSTM with exponential gates and a normaliser, c_t = f c + i z and h_t = o c_t / n_t (Beck et al. 2024)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Facts, State
from harness.space import Choice, Int, SearchSpace

from ._inputs import product
from ._loops import Named, Stepwise

ForgetGate = Literal["sigmoid", "exp"]
BiasInit = Literal["powerlaw", "linspace"]


class SLSTM(Stepwise):
    """Equations 8 to 17 of the paper: with i~, f~, z~, o~ = W x_t + R h_{t-1} + b,

        m_t = max(log f + m_{t-1}, i~),    i = exp(i~ - m_t),    f = exp(log f + m_{t-1} - m_t),
        c_t = f c_{t-1} + i tanh(z~),    n_t = f n_{t-1} + i,    h_t = sigmoid(o~) c_t / n_t,

    where log f = log sigmoid(f~), or f~ with `forget_gate=exp`. The stabiliser m changes no output. R has a block for
    each of the `heads`, which are as wide as hidden_size / heads, some of them by one unit more where that is no whole
    number. R starts at zero; the biases of f~ start from 5 down to -7 by a power law in each head, as published, or
    from 3 up to 6 with `bias_init=linspace`. The paper's convolution, norms and MLP are those of `block:slstm`. The
    state is (h, c, n, m), each (batch, hidden_size).
    """

    reference = "Beck et al. 2024, xLSTM: Extended Long Short-Term Memory, arXiv:2405.04517"
    facts = Facts(
        state="vectors h, c, n and m: 4 H numbers",
        eigenvalues="any complex number",
        cannot="more than finite automata with counters, as an lstm (Merrill et al. 2020)",
        cost="4 H^2 / heads",
        parallel="no",
    )
    search_space: ClassVar[SearchSpace] = {
        "heads": Int(1, 8),
        "forget_gate": Choice("sigmoid", "exp"),
        "bias_init": Choice("powerlaw", "linspace"),
    }
    loop, parts = "slstm", 4

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        heads: int = 4,
        forget_gate: ForgetGate = "sigmoid",
        bias_init: BiasInit = "powerlaw",
    ) -> None:
        if heads < 1:
            raise ValueError(f"heads must be at least 1, got {heads}; 1 connects all units")
        if forget_gate not in get_args(ForgetGate):
            raise ValueError(f"forget_gate must be 'sigmoid' or 'exp', got {forget_gate!r}; leave it out for 'sigmoid'")
        if bias_init not in get_args(BiasInit):
            raise ValueError(
                f"bias_init must be 'powerlaw' or 'linspace', got {bias_init!r}; leave it out for 'powerlaw'"
            )
        super().__init__(input_size, hidden_size)
        self.forget_gate = forget_gate
        self.enter = nn.Linear(input_size, 4 * hidden_size)  # W, b
        widths = [hidden_size // heads + (head < hidden_size % heads) for head in range(heads)]
        self.r = nn.ParameterList(torch.zeros(4, width, width) for width in widths if width)
        with torch.no_grad():
            self.enter.bias.zero_()
            starts = [_forget_biases(bias_init, width) for width in widths]
            self.enter.bias[hidden_size : 2 * hidden_size] = torch.cat(starts)

    def contributions(self, x: Tensor) -> Tensor:
        return product(x, self.enter.weight, self.enter.bias)

    def recurrent(self) -> tuple[Tensor, ...]:
        """R, (4 hidden_size, hidden_size), its blocks along the diagonal for each of i~, f~, z~, o~."""
        of_gates = [torch.block_diag(*blocks) for blocks in zip(*self.r, strict=True)]  # type: ignore[no-untyped-call]
        return (torch.cat(of_gates),)

    def constants(self) -> tuple[float, ...]:
        return (float(self.forget_gate == "exp"),)

    def initial_state(self, x: Tensor) -> State:
        zeros = x.new_zeros(x.shape[0], self.hidden_size)
        return zeros, zeros, zeros, zeros - torch.inf  # so that m_1 = i~

    def step(self, a: Tensor, state: State, *weights: Tensor) -> tuple[Named, State]:
        (r,), (h, c, n, m) = weights, state
        i, f, z, o = (a + h @ r.T).chunk(4, dim=1)
        log_f = F.logsigmoid(f) if self.forget_gate == "sigmoid" else f
        z, o = torch.tanh(z), torch.sigmoid(o)
        m = m.detach()  # it cancels in c / n, and so would its gradient
        m_t = torch.maximum(log_f + m, i).detach()
        i, f = torch.exp(i - m_t), torch.exp(log_f + m - m_t)
        c, n = f * c + i * z, f * n + i
        h = o * c / n
        gates = {"input gate": i, "forget gate": f, "candidate": z, "output gate": o}
        return {"hidden": h, **gates, "cell": c, "normaliser": n, "stabiliser": m_t}, (h, c, n, m_t)


def _forget_biases(kind: str, width: int) -> Tensor:
    places = torch.linspace(0.0, 1.0, width)
    return 5.0 - 12.0 * places**0.3 if kind == "powerlaw" else 3.0 + 3.0 * places
