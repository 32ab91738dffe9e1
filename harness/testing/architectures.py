"""The promises of an architecture as tests: subclass `ArchitectureContract` and override the fixture `make`.

    class TestMine(ArchitectureContract):
        @pytest.fixture
        def make(self):
            return MyRNN

Each test is a check of its own too: it takes `make`, and raises AssertionError saying what was promised and what was
seen. `check_architecture(make)` runs them all without pytest's runner.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor

from harness.architecture import Architecture
from harness.testing._probes import (
    Make,
    best_recall,
    build,
    future_in_the_past,
    gap,
    noise,
    require,
    row,
    run,
    state_gap,
    tensors,
)

CAUSAL = "causal: output t depends on inputs up to t only"


@dataclass(frozen=True)
class Finding:
    """What one check found; `detail` says what was seen, or why the check does not apply."""

    promise: str
    status: Literal["kept", "broken", "skipped"]
    detail: str = ""


class ArchitectureContract:
    """Override the fixture `make`; the class attributes where an architecture needs other sizes or more training."""

    input_size: ClassVar[int] = 5
    hidden_size: ClassVar[int] = 16
    tolerance: ClassVar[float] = 1e-5  # largest difference between equal results, relative to the larger of 1 and them
    learning_rate: ClassVar[float] = 1e-2
    learning_updates: ClassVar[int] = 300

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError("override the fixture `make`: return a callable (input_size, hidden_size) -> module")

    def test_outputs_have_the_promised_shape(self, make: Make) -> None:
        model = self._build(make)
        for rows, steps in self._sizes(model):
            out, _ = run(model, noise(rows, steps, self.input_size))
            promised = (rows, steps, model.output_size)
            require(tuple(out.shape) == promised, f"outputs must have the shape {promised}, got {tuple(out.shape)}")

    def test_outputs_and_gradients_are_finite(self, make: Make) -> None:
        model = self._build(make).train()
        for rows, steps in self._sizes(model):
            out, _ = run(model, noise(rows, steps, self.input_size))
            where = f"for {rows} rows of {steps} steps"
            require(bool(out.isfinite().all()), f"outputs must be finite, got NaN or Inf {where}")
            model.zero_grad()
            torch.autograd.backward((out * noise(*out.shape, seed=1)).sum())
            for name, p in model.named_parameters():
                finite = p.grad is None or bool(p.grad.isfinite().all())
                require(finite, f"gradients must be finite, got NaN or Inf in that of {name} {where}")

    def test_every_parameter_and_the_inputs_get_a_gradient(self, make: Make) -> None:
        model = self._build(make).train()
        x = self._x(model).requires_grad_()
        out, _ = run(model, x)
        require(out.requires_grad, "outputs must be differentiable, got outputs cut off from parameters and inputs")
        torch.autograd.backward((out * noise(*out.shape, seed=1)).sum())
        without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
        require(not without, f"every parameter must take part, got no gradient for {', '.join(without)}")
        require(x.grad is not None and bool(x.grad.any()), "a gradient must reach the inputs, got none")

    def test_same_seed_gives_the_same_outputs(self, make: Make) -> None:
        first, second = self._build(make), self._build(make)
        x = self._x(first)
        seen = gap(run(first, x)[0], run(second, x)[0])
        require(seen == 0, f"two models built from one seed must be equal, their outputs differ by {seen:.2g}")
        seen = gap(run(first, x, seed=1)[0], run(first, x, seed=2)[0])
        require(seen == 0, f"outputs in evaluation mode must not be random, two passes differ by {seen:.2g}")
        seen = gap(run(first.train(), x)[0], run(second.train(), x)[0])
        require(seen == 0, f"two training passes from one seed must be equal, their outputs differ by {seen:.2g}")

    def test_is_causal_exactly_when_it_says_so(self, make: Make) -> None:
        model = self._build(make)
        x = self._x(model, at_least=2)
        if not model.causal:
            seen = future_in_the_past(model, x)
            wanted = "declares causal=False, so the future must change the past; it does not: declare causal=True"
            return require(seen > self.tolerance, wanted)
        whole, _ = run(model, x)
        for t in range(1, x.shape[1]):
            seen = gap(run(model, x[:, :t])[0], whole[:, :t])
            require(seen <= self.tolerance, f"{CAUSAL}; leaving out steps from {t} on moved earlier ones by {seen:.2g}")
        for training in (False, True):
            seen, mode = future_in_the_past(model.train(training), x), "training" if training else "evaluation"
            require(seen <= self.tolerance, f"{CAUSAL}; in {mode} mode later inputs moved them by {seen:.2g}")
        return None

    def test_state_carries_over_a_cut(self, make: Make) -> None:
        model = self._stateful(make)
        x = self._x(model, at_least=2)
        whole, end = run(model, x)
        for cut in sorted({1, x.shape[1] // 2, x.shape[1] - 1}):
            first, state = run(model, x[:, :cut])
            second, last = run(model, x[:, cut:], state)
            out, states = gap(torch.cat([first, second], dim=1), whole), state_gap(last, end)
            seen = f"cut after step {cut}, outputs differ by {out:.2g} and final states by {states:.2g}"
            require(max(out, states) <= self.tolerance, f"stateful: a state passed in continues the sequence; {seen}")

    def test_state_has_the_batch_first(self, make: Make) -> None:
        model = self._stateful(make)
        for rows in (2, 3):
            x = self._x(model, rows=rows)
            _, state = run(model, x)
            for tensor in tensors(state):
                first = tensor.dim() > 0 and tensor.shape[0] == rows
                require(first, f"a state has the batch first, got shape {tuple(tensor.shape)} for {rows} rows")
            seen = state_gap(row(state, 1), run(model, x[1:2])[1])
            require(seen <= self.tolerance, f"row 1 of the state must be that row's own, it differs by {seen:.2g}")

    def test_inputs_and_incoming_state_are_left_alone(self, make: Make) -> None:
        model = self._build(make)
        x = self._x(model)
        state = run(model, self._x(model, seed=1))[1] if model.stateful else None
        given = [x, *tensors(state)]
        before = [tensor.clone() for tensor in given]
        run(model, x, state)
        same = [torch.equal(a, b) for a, b in zip(given, before, strict=True)]
        require(same[0], "inputs must be left as they were, forward changed them")
        require(all(same), "the incoming state must be left as it was, forward changed it")

    def test_padding_changes_nothing(self, make: Make) -> None:
        model = self._build(make)
        x = self._x(model, at_least=2)
        lengths = torch.tensor([x.shape[1], x.shape[1] // 2, 1])
        for before in [None, run(model, self._x(model, seed=1))[1]] if model.stateful else [None]:
            padded, after = run(model, x, before, lengths)
            for i, n in enumerate(lengths.tolist()):
                out, end = run(model, x[i : i + 1, :n], row(before, i))
                seen = gap(padded[i : i + 1, :n], out)
                require(seen <= self.tolerance, f"padding a row of {n} steps moved its outputs by {seen:.2g}")
                seen = state_gap(row(after, i), end) if model.stateful else 0.0
                require(seen <= self.tolerance, f"padding a row of {n} steps moved its final state by {seen:.2g}")

    def test_rows_do_not_see_each_other(self, make: Make) -> None:
        model = self._build(make)
        x = self._x(model)
        other = torch.cat([noise(1, *x.shape[1:], seed=1), x[1:]])
        for training in (False, True):
            model.train(training)
            seen, mode = gap(run(model, other)[0][1:], run(model, x)[0][1:]), "training" if training else "evaluation"
            broken = f"rows of a batch must not see each other; in {mode} mode one row moved others by {seen:.2g}"
            require(seen <= self.tolerance, broken)

    def test_state_dict_holds_all_that_matters(self, make: Make) -> None:
        first, second = self._build(make), self._build(make, seed=1)
        second.load_state_dict(first.state_dict())
        seen = gap(run(second, self._x(first))[0], run(first, self._x(first))[0])
        require(seen <= self.tolerance, f"a loaded state_dict must give the same outputs, they differ by {seen:.2g}")

    def test_pickling_keeps_it(self, make: Make) -> None:
        model = self._build(make)
        try:
            copy = pickle.loads(pickle.dumps(model))
        except Exception as error:
            raise AssertionError(f"it must be picklable, got {type(error).__name__}: {error}") from error
        seen = gap(run(copy, self._x(model))[0], run(model, self._x(model))[0])
        require(seen <= self.tolerance, f"a pickled copy must give the same outputs, they differ by {seen:.2g}")

    def test_size_grows_with_hidden_size(self, make: Make) -> None:
        sizes = [self.hidden_size, 2 * self.hidden_size, 4 * self.hidden_size]
        counts = [sum(p.numel() for p in build(make, self.input_size, size).parameters()) for size in sizes]
        grows = counts[0] < counts[1] < counts[2]
        require(grows, f"parameters must grow with hidden_size, got {counts} parameters for sizes {sizes}")

    def test_search_space_names_real_options(self, make: Make) -> None:
        declared = {type(m): getattr(m, "search_space", {}) for m in self._build(make).modules()}
        if not any(declared.values()):
            pytest.skip("declares no search space")
        for cls, name, space in [(cls, *entry) for cls, spaces in declared.items() for entry in spaces.items()]:
            found = inspect.signature(cls).parameters.get(name)
            keyword = found is not None and found.kind is found.KEYWORD_ONLY
            require(keyword, f"search_space names {name!r}, which is no keyword-only argument of {cls.__name__}")
            default = found.default if found else None
            require(default in space, f"the default of {name!r}, {default!r}, lies outside its range {space}")

    def test_parameter_groups_hold_every_parameter_once(self, make: Make) -> None:
        model = self._build(make)
        grouped = [id(p) for group in model.parameter_groups() for p in group["params"]]
        for name, p in model.named_parameters():
            times = grouped.count(id(p))
            once = times == 1 or (times == 0 and not p.requires_grad)
            require(once, f"parameter_groups() must hold every parameter once, {name} is there {times} times")

    def test_runs_in_bfloat16(self, make: Make) -> None:
        model = self._build(make).to(torch.bfloat16)
        out, _ = run(model, self._x(model).to(torch.bfloat16))
        right = out.dtype == torch.bfloat16 and bool(out.isfinite().all())
        require(right, f"a model moved to bfloat16 must give finite bfloat16 outputs, got {out.dtype}")

    def test_learns_to_recall_the_first_symbol(self, make: Make) -> None:
        symbols, steps = 4, 6
        model = build(make, symbols + 1, self.hidden_size)
        if (model.max_length or steps) < steps:
            pytest.skip(f"takes at most {model.max_length} steps, the recall needs {steps}")
        accuracy = best_recall(model, symbols, steps, self.learning_rate, self.learning_updates)
        seen = f"after {self.learning_updates} updates the accuracy is {accuracy:.0%}, chance is {1 / symbols:.0%}"
        require(accuracy > 0.9, f"it must learn to recall the first of {steps} steps, one of {symbols} symbols; {seen}")

    def test_not_everything_is_skipped(self, make: Make) -> None:
        checked = any(finding.status != "skipped" for finding in _findings(self, make))
        require(checked, "every check was skipped: nothing is known about this architecture")

    def _build(self, make: Make, seed: int = 0) -> Architecture:
        return build(make, self.input_size, self.hidden_size, seed)

    def _stateful(self, make: Make) -> Architecture:
        model = self._build(make)
        if not model.stateful:
            pytest.skip("declares stateful=False")
        return model

    def _sizes(self, model: Architecture) -> list[tuple[int, int]]:
        return [(rows, steps) for rows in (1, 3) for steps in (1, 2, 7) if steps <= (model.max_length or 7)]

    def _x(self, model: Architecture, *, rows: int = 3, at_least: int = 1, seed: int = 0) -> Tensor:
        """Inputs of 7 steps, or as many as the model takes."""
        steps = min(7, model.max_length or 7)
        if steps < at_least:
            pytest.skip(f"takes at most {steps} steps, this check needs {at_least}")
        return noise(rows, steps, self.input_size, seed=seed)


def check_architecture(make: Make, contract: ArchitectureContract | None = None) -> list[Finding]:
    """Every check of the contract and what it found; an architecture that only skips has a broken promise."""
    contract = contract or ArchitectureContract()
    return [*_findings(contract, make), _examine(contract, "test_not_everything_is_skipped", make)]


def _findings(contract: ArchitectureContract, make: Make) -> Iterator[Finding]:
    names = dict.fromkeys(name for cls in reversed(type(contract).__mro__) for name in vars(cls))
    for name in names:
        if name.startswith("test_") and name != "test_not_everything_is_skipped":
            yield _examine(contract, name, make)


def _examine(contract: ArchitectureContract, name: str, make: Make) -> Finding:
    promise = name.removeprefix("test_").replace("_", " ")
    try:
        getattr(contract, name)(make)
    except pytest.skip.Exception as reason:
        return Finding(promise, "skipped", str(reason))
    except AssertionError as error:
        return Finding(promise, "broken", str(error))
    except Exception as error:
        return Finding(promise, "broken", f"{type(error).__name__}: {error}")
    return Finding(promise, "kept")
