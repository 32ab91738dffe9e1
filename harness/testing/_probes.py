"""What the architecture contract measures with: build, run and compare, leaving the global generators alone."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, State, Wrapper
from harness.process.rng import preserve_rng, seed_all
from harness.space import Choice

Make = Callable[[int, int], nn.Module]
"""Takes (input_size, hidden_size), both positional; gives an `Architecture` or a plain module."""

_STEPS = 16  # what an architecture that must know the longest sequence is told


def require(kept: bool, broken: str) -> None:
    """Raises AssertionError, with `python -O` too, unless the promise is kept."""
    if not kept:
        raise AssertionError(broken)


def build(make: Make, input_size: int, hidden_size: int, seed: int = 0) -> Architecture:
    """The architecture in evaluation mode, initialised from `seed`; a plain module is adapted."""
    with preserve_rng():
        seed_all(seed)
        module = make(input_size, hidden_size)
        if not isinstance(module, Architecture):
            from harness.discovery.adapt import as_architecture  # a core module that an Architecture never needs here

            module = as_architecture(module, input_size, hidden_size)
    return module.eval()


def another_device() -> torch.device:
    """An accelerator where there is one, else "meta", on which tensors have shapes and no numbers."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("meta")


def ends_of_ranges(model: Architecture, make: Make) -> Iterator[tuple[str, Make]]:
    """For each class in a model that has a search space, each end of each range: what it is, and what makes it there.

    A wrapper gets the whole model to wrap.
    """
    for cls in {type(module): None for module in model.modules() if getattr(module, "search_space", {})}:
        known = inspect.signature(cls).parameters
        more: dict[str, Any] = {"max_length": _STEPS} if "max_length" in known else {}
        inner = (lambda i, h: build(make, i, h),) if issubclass(cls, Wrapper) else ()
        for name, space in getattr(cls, "search_space", {}).items():
            values = space.values if isinstance(space, Choice) else (space.low, space.high)
            for value in values if name in known else ():
                yield f"{name}={value}", partial(_made_with, cls, inner, {**more, name: value})


def _made_with(cls: Callable[..., nn.Module], inner: tuple[Any, ...], more: Any, *sizes: int) -> nn.Module:
    return cls(*sizes, *inner, **more)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def run(
    model: Architecture, x: Tensor, state: State = None, lengths: Tensor | None = None, seed: int = 0
) -> tuple[Tensor, State]:
    """One forward pass; `seed` decides the dropout."""
    with preserve_rng():
        seed_all(seed)
        result: Any = model(x, state, lengths)
    pair = isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor)
    require(pair, f"forward must return the pair (outputs, state), got {type(result).__name__}")
    return result[0], result[1]


def tensors(state: State) -> Iterator[Tensor]:
    """The tensors of a state, in order."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, tuple):
        for part in state:
            yield from tensors(part)
    else:
        seen = f"a state must be a tensor or a nesting of tuples of tensors; found {type(state).__name__} in it"
        require(state is None, seen)


def row(state: State, index: int) -> State:
    """The state of one row, still with a batch axis (of one)."""
    if isinstance(state, tuple):
        return tuple(row(part, index) for part in state)
    return state[index : index + 1] if isinstance(state, Tensor) else state


def gap(seen: Tensor, expected: Tensor) -> float:
    """The largest difference, in units of the larger of 1 and the largest expected value; infinite for NaN."""
    if seen.shape != expected.shape:
        return float("inf")
    if expected.numel() == 0:
        return 0.0
    worst = ((seen - expected).abs().max() / expected.abs().max().clamp(min=1.0)).item()
    return worst if worst == worst else float("inf")


def by(gap: float) -> str:
    """How far apart two results are, for people: 'by 0.29'."""
    return f"by {gap:.2g}" if math.isfinite(gap) else "in shape, or by no finite number"


def state_gap(seen: State, expected: State) -> float:
    """The largest `gap` between two states; infinite if they differ in structure."""
    ours, theirs = list(tensors(seen)), list(tensors(expected))
    if len(ours) != len(theirs):
        return float("inf")
    return max((gap(a, b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def future_in_the_past(model: Architecture, x: Tensor) -> float:
    """The most that any output moves when the inputs after it are replaced."""
    other, before = noise(*x.shape, seed=1), run(model, x)[0]
    cuts = range(1, x.shape[1])
    changed = [(t, run(model, torch.cat([x[:, :t], other[:, t:]], dim=1))[0]) for t in cuts]
    return max(gap(after[:, :t], before[:, :t]) for t, after in changed)


def best_recall(model: Architecture, symbols: int, steps: int, learning_rate: float, updates: int) -> float:
    """The best accuracy in recalling the first of `steps` steps, over fresh batches while training on one thread.

    Training ends when it is perfect or after `updates` updates.
    """
    threads, best = torch.get_num_threads(), 0.0
    torch.set_num_threads(1)
    try:
        with preserve_rng():
            seed_all(0)
            for accuracy in _recall_training(model.train(), symbols, steps, learning_rate, updates):
                best = max(best, accuracy)
                if best == 1.0:
                    break
    finally:
        torch.set_num_threads(threads)
    return best


def _recall_training(
    model: Architecture, symbols: int, steps: int, learning_rate: float, updates: int
) -> Iterator[float]:
    """The accuracy on the batch of each update, taken before it."""
    head = nn.Linear(model.output_size, symbols)
    groups = [{"params": g["params"], "lr": learning_rate * g.get("lr_scale", 1.0)} for g in model.parameter_groups()]
    optimizer = torch.optim.Adam([*groups, {"params": head.parameters(), "lr": learning_rate}])
    for _ in range(updates):
        first = torch.randint(symbols, (64, 1))
        tape = torch.cat([first, torch.full((64, steps - 1), symbols)], dim=1)
        answer = head(model(F.one_hot(tape, symbols + 1).float())[0][:, -1])
        yield (answer.argmax(dim=1) == first[:, 0]).float().mean().item()
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(answer, first[:, 0]))
        optimizer.step()
