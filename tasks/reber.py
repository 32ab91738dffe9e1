"""Embedded Reber grammar: the last symbol but one of a string repeats the second."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harness.task import Batch, Classes, Task, Tokens

_SYMBOLS = "BTSXPVE"
# The Reber grammar: from node 0 with B to node 1, from there with T to node 2 or with P to node 3, and so on.
_REBER = {0: "B1", 1: "T2 P3", 2: "S2 X4", 3: "T3 V5", 4: "X3 S6", 5: "P4 V6", 6: "E7"}
_START, _CHOICE, _END = 16, 17, 18  # states of the frame; 0 .. 7 are the nodes within T...T, 8 .. 15 within P...P


def _transitions() -> tuple[Tensor, Tensor]:
    """The symbol and the next state of both ways out of each state, int64 (states, 2); a single way stands twice."""
    ways = {_START: [("B", _CHOICE)], _CHOICE: [("T", 0), ("P", 8)], _END: [("E", _START)]}
    for first, outer in ((0, "T"), (8, "P")):
        ways |= {first + n: [(w[0], first + int(w[1])) for w in ways_out.split()] for n, ways_out in _REBER.items()}
        ways[first + 7] = [(outer, _END)]
    both = [(ways[state] * 2)[:2] for state in sorted(ways)]
    symbols = torch.tensor([[_SYMBOLS.index(symbol) for symbol, _ in pair] for pair in both])
    return symbols, torch.tensor([[state for _, state in pair] for pair in both])


class Reber(Task):
    """Strings of the embedded Reber grammar, symbol by symbol; asked is the last but one, which repeats the second.

    Example: in `B T B P V V E T E` the second symbol is T; after the inner string `B P V V E` (one of the Reber
    grammar, at whose forks both ways are equally likely) the same T must come, then E. The input is all symbols but the
    last, and the target of each is the next one. All steps are learned; scored is the step after which T or P follows.

    `length` is the number of symbols of a string, drawn from those of the grammar that have just so many, as likely as
    the grammar makes them; so the lag is `length` - 3. Published are all lengths mixed, which `--length 9..50` gives
    uniformly, and success there is that every symbol predicted is a legal one: here only the question that needs memory
    is scored.

    With `continual` a sequence is a stream of `length` steps: strings of any length follow each other without a mark or
    a reset, and each of them asks its question. Train it with `--tbptt STEPS`, which carries the state through the
    stream. A memory must then be emptied by itself: this is the problem that the forget gate was made for.
    """

    reference = (
        "Hochreiter & Schmidhuber 1997, Long short-term memory, experiment 1; continual: Gers, Schmidhuber & Cummins "
        "2000, Learning to Forget: Continual Prediction with LSTM; the grammar: Reber 1967, Cleeremans et al. 1989"
    )
    solved_at = 0.95
    min_length = 9
    default_lengths: tuple[int, ...] = (9, 20, 50, 100)
    needs_causal = True

    inputs = Tokens(7)
    targets = Classes(7)
    input_symbols = target_symbols = tuple(_SYMBOLS)

    def __init__(self, *, continual: bool = False) -> None:
        self.continual = continual
        if continual:
            self.default_lengths = (50, 100, 200)
        self.symbol, self.next = _transitions()

    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        count = length + 1 if self.continual else length
        symbols, asked = self._walk(generator, batch_size, self._ways_left(count))
        inputs, targets, mask = symbols[:, :-1], symbols[:, 1:], asked[:, 1:]
        return Batch(inputs, targets, mask, loss_mask=torch.ones_like(mask))

    def _ways_left(self, count: int) -> Tensor:
        """How likely a walk from a state meets the condition with so many symbols left, float64 (count + 1, states).

        The condition: a string is at its end exactly then, or, for a stream, its first question has come by then. Each
        row is divided by its largest entry, since only the ratio of two entries of a row is used.
        """
        asks = torch.zeros(19, dtype=torch.float64)
        asks[[7, 15]] = 1
        met = torch.zeros(19, dtype=torch.float64)
        met[_START] = 0 if self.continual else 1
        rows = [met]
        for _ in range(count):
            later = rows[-1][self.next].mean(dim=1)
            if self.continual:
                rows.append(torch.maximum(later, asks))
            else:
                later[_START] = 0  # another string may not begin
                rows.append(later / later.max())
        return torch.stack(rows)

    def _walk(self, generator: Generator, batch_size: int, ways: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols of a walk through the grammar that meets the condition, and whether each of them is asked for."""
        count = len(ways) - 1
        chance = torch.rand(batch_size, count, generator=generator, dtype=torch.float64)
        state = torch.full((batch_size,), _START)
        met = torch.zeros(batch_size, dtype=torch.bool)
        symbols, asked = [], []
        for step in range(count):
            asks = (state == 7) | (state == 15)
            met |= asks & self.continual
            left = ways[count - step - 1][self.next[state]]
            first = torch.where(met, 0.5, left[:, 0] / left.sum(dim=1).clamp(min=1e-300))
            way = (chance[:, step] >= first).long()
            symbols.append(self.symbol[state, way])
            asked.append(asks)
            state = self.next[state, way]
        return torch.stack(symbols, dim=1), torch.stack(asked, dim=1)

    def chance(self, length: int) -> float:
        """Half: the step before the question always shows the E of the inner string."""
        return 0.5

    def _states(self, batch: Batch) -> Tensor:
        """The state of the grammar after each input, int64 (batch, time)."""
        state = torch.full((len(batch.inputs),), _START)
        states = []
        for symbol in batch.inputs.unbind(dim=1):
            second = (self.symbol[state, 0] != symbol).long()
            state = self.next[state, second]
            states.append(state)
        return torch.stack(states, dim=1)

    def remembered(self, batch: Batch) -> Tensor:
        """The second symbol of the string, 0 for T and 1 for P, from the step that shows it to the question."""
        states = self._states(batch)
        return torch.where(states < _START, states // 8, -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Whether the second symbol was P (1) or T (-1), and at which node of the inner grammar the string is."""
        states = self._states(batch)
        inside = states < _START
        outer = torch.where(inside, 2 * (states // 8) - 1, 0)
        nodes = {f"node {node}": (inside & (states % 8 == node)).float() for node in range(8)}
        return {"the second symbol was P": outer.float(), **nodes}
