"""Contract: what an architecture is. It maps (batch, time, input_size) to (batch, time, output_size).

Embedding, head, loss, optimizer and metrics belong to the core and are the same for every architecture. A plain
`nn.Module` whose constructor takes `(input_size, hidden_size)` and whose forward returns `out` or `(out, anything)` is
an architecture already; the classes below are for those that have more to declare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from harness.space import SearchSpace

State = Any
"""What is carried between steps: a tensor with the batch first, or any nesting of tuples of such tensors."""


class Facts(NamedTuple):
    """What the literature says of a layer of hidden_size H, one short phrase each; the table of docs/kinds.md."""

    state: str  # what is carried from step to step, and how many numbers that is for one sequence
    eigenvalues: str  # those that the derivative of a state with respect to the state before it can have
    cannot: str  # what a layer cannot learn for sequences of any length, and who proved it
    cost: str  # multiplications in one time step, in its leading order
    parallel: str  # in time: "no", "scan", "convolution" or "chunks"


class Architecture(nn.Module):
    """A sequence model. Constructor arguments with a default are its hyperparameters.

    `forward` takes x of shape (batch, time, input_size), the state after the previous chunk (None: begin anew) and the
    number of valid steps of each row, int64 of shape (batch,) on the CPU, each from 1 to time (None: all valid). It
    returns the outputs, shape (batch, time, output_size), which are ignored beyond a row's length, and the state
    after each row's last valid step.
    """

    reference: ClassVar[str] = ""  # the paper
    facts: ClassVar[Facts | None] = None  # what is known of its memory, as `harness describe` shows it
    search_space: ClassVar[SearchSpace] = {}  # ranges for tuning; keys are constructor arguments
    causal: bool = True  # output t depends on inputs up to t only
    stateful: bool = True  # the state returned, passed in again, continues the sequence
    max_length: int | None = None  # most steps it can take; None: any number

    input_size: int
    hidden_size: int
    output_size: int

    def __init__(self, input_size: int, hidden_size: int, output_size: int | None = None) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = output_size or hidden_size

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        raise NotImplementedError

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimizer groups: `params`, and `lr_scale` where a group's learning rate is a multiple of the run's."""
        return [{"params": list(self.parameters())}]

    def observe(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Named internals after each step, each of shape (batch, time, units), such as `forget gate`; for inspection.

        Override it to show gates; the names do not depend on x. `hidden`, where given, equals the outputs. By default a
        stateful architecture is run step by step: its outputs, and the parts of its state as `state` or `state 1`, ....
        """
        if not self.stateful:
            return {"hidden": self(x, None, lengths)[0]}
        outputs, states = [], []
        for x_t in x.unbind(dim=1):
            out, state = self(x_t.unsqueeze(1), state)
            outputs.append(out)
            states.append([part.flatten(1) for part in state_parts(state)])
        parts = [torch.stack(part, dim=1) for part in zip(*states, strict=True)]
        names = ["state"] if len(parts) == 1 else [f"state {number}" for number in range(1, len(parts) + 1)]
        return {"hidden": torch.cat(outputs, dim=1), **dict(zip(names, parts, strict=True))}


TimeLoop = Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]]
"""Repeats a cell's step: x, the state before and lengths in, what `forward` returns out."""


class CellArchitecture(Architecture):
    """An architecture written as one time step; the core unrolls it, freezes padded rows and carries the state."""

    time_loop: TimeLoop | None = None  # set by the core where something faster than `unroll` repeats the step

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step: x of shape (batch, input_size) -> (output of shape (batch, output_size), next state)."""
        raise NotImplementedError

    def initial_state(self, x: Tensor) -> State:
        """The state before the first step for x of shape (batch, time, input_size): zeros (batch, hidden_size)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    def forward(self, x: Tensor, state: State = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x) if state is None else state
        return (self.time_loop or self.unroll)(x, state, lengths)

    def unroll(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        """The step for each of x (batch, time, input_size) in turn, in Python: what `forward` returns."""
        lengths = lengths if lengths is None else lengths.to(x.device)
        outputs = []
        for t, x_t in enumerate(x.unbind(dim=1)):
            out, new = self.step(x_t, state)
            state = new if lengths is None else keep_rows(lengths > t, new, state)
            outputs.append(out)
        return torch.stack(outputs, dim=1), state


class MakeArchitecture(Protocol):
    """Makes one layer of the architecture that a wrapper wraps."""

    def __call__(self, input_size: int, hidden_size: int) -> Architecture: ...


class Wrapper(Architecture):
    """An architecture made of another one, named after the colon: `bidirectional:gru`, `deep:bidirectional:rnn`.

    The constructor takes `(input_size, hidden_size, make, *, ...)` and calls `make(input_size, hidden_size)` for every
    layer it needs. It does not see the hyperparameters of the wrapped architecture.
    """

    default_base: ClassVar[str] = "lstm"  # what the name alone wraps

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The groups of the wrapped architectures, and one for the wrapper's own parameters if it has any."""
        inner = [module for module in self.modules() if isinstance(module, Architecture) and module is not self]
        groups = [group for module in _outermost(inner) for group in module.parameter_groups()]
        grouped = {id(parameter) for group in groups for parameter in group["params"]}
        own = [parameter for parameter in self.parameters() if id(parameter) not in grouped]
        return [*groups, {"params": own}] if own else groups


def _outermost(architectures: list[Architecture]) -> list[Architecture]:
    """Those that are inside none of the others."""
    inside = {id(part) for whole in architectures for part in whole.modules() if part is not whole}
    return [architecture for architecture in architectures if id(architecture) not in inside]


def state_parts(state: State) -> list[Tensor]:
    """The real tensors of a state, batch first; a complex one as real and imaginary parts, whole numbers left out."""
    if isinstance(state, Tensor):
        if state.is_complex():
            return [torch.view_as_real(state)]
        return [state] if state.is_floating_point() else []
    if isinstance(state, (tuple, list)):
        return [tensor for part in state for tensor in state_parts(part)]
    return []


def keep_rows(chosen: Tensor, new: State, old: State) -> State:
    """Takes the new state for the rows that are chosen, bool of shape (batch,), and the old one for the others."""
    if isinstance(new, tuple):
        return tuple(keep_rows(chosen, n, o) for n, o in zip(new, old, strict=True))
    return torch.where(chosen.reshape(-1, *[1] * (new.dim() - 1)), new, old)
