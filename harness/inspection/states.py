"""How a state depends on earlier ones: d state(T) / d state(T-k), its singular values, and the Lyapunov exponents."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.architecture import State, state_parts
from harness.inspection_record import StateByLag
from harness.training.model import Model

_POINTS = 24  # lags at which singular values are computed
_WARM_UP = 20  # steps, at most, that the exponents leave out
_LEADING = 4  # singular values and exponents that are kept
_MOST_NUMBERS = 512  # of a state: the time of singular values grows with their cube, to minutes at 2,000 numbers


def state_by_lag(model: Model, inputs: Tensor, sequences: int = 2) -> StateByLag:
    """Walks back from the last state; each step's derivative comes from one batched backward pass.

    inputs: (batch, time[, size]); the first `sequences` rows are used. Raises ValueError for a model without a state,
    or with one of more numbers than can be looked at within seconds.
    The products are kept in double precision, n x n for n numbers of state; nothing of size time x n x n is stored.
    Lyapunov exponents by QR: Engelken, Wolf & Abbott 2023; Vogt et al. 2022.
    """
    if not model.architecture.stateful:
        raise ValueError(f"{type(model.architecture).__name__} carries no state")
    found = [_walk_back(model, inputs[row : row + 1]) for row in range(min(sequences, len(inputs)))]
    count = len(found)
    return StateByLag(
        found[0].lags,
        [sum(one.norms[i] for one in found) / count for i in range(len(found[0].lags))],
        [
            [sum(one.singular[i][j] for one in found) / count for j in range(len(found[0].singular[0]))]
            for i in range(len(found[0].lags))
        ],
        [sum(one.exponents[j] for one in found) / count for j in range(len(found[0].exponents))],
    )


def spaced_lags(longest: int, points: int = _POINTS) -> list[int]:
    """Lags from 0 to `longest`: all of them where there are few, else spaced ever more widely."""
    if longest < points:
        return list(range(longest + 1))
    near = [round(math.exp(math.log(longest) * point / (points - 2))) for point in range(points - 1)]
    return sorted({0, *near})


def _walk_back(model: Model, inputs: Tensor) -> StateByLag:
    x = model.embed(inputs)
    states = _states(model, x)
    size = sum(part.numel() for part in state_parts(states[-1]))
    if size > _MOST_NUMBERS:
        raise ValueError(f"its state has {size:,} numbers; up to {_MOST_NUMBERS} are looked at")
    product = torch.eye(size, dtype=torch.float64)
    start = torch.randn(size, min(_LEADING, size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = torch.linalg.qr(start)[0]
    growth = torch.zeros(min(_LEADING, size), dtype=torch.float64)
    steps = len(states) - 1
    wanted, warm_up = spaced_lags(steps), min(steps // 4, _WARM_UP)
    norms, singular = [], []
    for lag in range(steps + 1):
        if lag in wanted:
            values = torch.linalg.svdvals(product)
            norms.append(float(product.norm()) / math.sqrt(size))
            singular.append(values[:_LEADING].tolist())
        if lag < steps:
            step = steps - lag  # from the state before this step to the one after it
            derivative = step_derivative(model, x[:, step : step + 1], states[step - 1])
            product = product @ derivative
            basis, triangle = torch.linalg.qr(derivative.T @ basis)
            if lag >= warm_up:  # by then the random basis has turned towards the leading directions
                growth += triangle.diagonal().abs().clamp(min=1e-300).log()
    exponents = (growth / max(steps - warm_up, 1)).sort(descending=True).values
    return StateByLag(wanted, norms, singular, exponents.tolist())


def _states(model: Model, x: Tensor) -> list[State]:
    """The state after each step of one sequence."""
    states: list[State] = []
    state: State = None
    with torch.no_grad():
        for x_t in x.unbind(dim=1):
            _, state = model.architecture(x_t.unsqueeze(1), state)
            states.append(state)
    return states


def step_derivative(model: Model, x_t: Tensor, state: State) -> Tensor:
    """d next state / d state for one sequence, (n, n) in double precision.

    The step is computed for n equal rows at once; row i of the derivative is the gradient of the next state's number i
    in row i, since rows do not depend on each other.
    """
    size = sum(part.numel() for part in state_parts(state))
    repeated = _repeated(state, size)
    leaves = [leaf for leaf in _leaves(repeated) if leaf.is_floating_point() or leaf.is_complex()]
    with torch.enable_grad():
        for leaf in leaves:
            leaf.requires_grad_()
        _, after = model.architecture(x_t.expand(size, *x_t.shape[1:]), repeated)
        flat = torch.cat([part.flatten(1) for part in state_parts(after)], dim=1)
        gradients = torch.autograd.grad(flat.diagonal().sum(), leaves, allow_unused=True)
    filled = [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, gradients, strict=True)]
    real = [torch.view_as_real(g) if g.is_complex() else g for g in filled]
    return torch.cat([g.flatten(1) for g in real], dim=1).double()


def _repeated(state: State, times: int) -> State:
    if isinstance(state, Tensor):
        return state.detach().expand(times, *state.shape[1:]).clone()
    if isinstance(state, (tuple, list)):
        return tuple(_repeated(part, times) for part in state)
    return state


def _leaves(state: State) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    return [leaf for part in state for leaf in _leaves(part)] if isinstance(state, (tuple, list)) else []
