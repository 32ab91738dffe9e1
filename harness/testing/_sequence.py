"""What an architecture promises as a model of sequences: shapes, causality, state, padding, rows."""

from __future__ import annotations

import torch

from harness.architecture import Architecture
from harness.discovery.adapt import time_first_hint
from harness.testing._probes import Make, by, future_in_the_past, gap, noise, require, row, run, state_gap, tensors
from harness.testing._subject import Subject

CAUSAL = "causal: output t depends on inputs up to t only"


class SequencePromises(Subject):
    """The checks of what goes in and what comes out."""

    def test_outputs_have_the_promised_shape(self, make: Make) -> None:
        """Inputs of shape (batch, time, input_size) give outputs of shape (batch, time, output_size), batch first.

        Way out: look for a layer of torch's without batch_first=True, a squeeze that drops an axis of one, or an
        `output_size` that is declared and not kept. A plain module that takes time first says `batch_first = False`.
        """
        model = self._build(make)
        for rows, steps in self._sizes(model):
            out, _ = run(model, noise(rows, steps, self.input_size))
            promised = (rows, steps, model.output_size)
            require(tuple(out.shape) == promised, f"outputs must have the shape {promised}, got {tuple(out.shape)}")

    def test_outputs_and_gradients_are_finite(self, make: Make) -> None:
        """Outputs and gradients hold neither NaN nor Inf, for one step as for many.

        Way out: look for a division, a square root or a logarithm at zero, and for a state that grows without bound.
        """
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
        """Every parameter takes part, and a gradient reaches the inputs.

        Way out: remove parameters that are not used, and look for `detach()`, `no_grad` or `.data` in forward.
        """
        model = self._build(make).train()
        x = self._x(model).requires_grad_()
        out, _ = run(model, x)
        require(out.requires_grad, "outputs must be differentiable, got outputs cut off from parameters and inputs")
        torch.autograd.backward((out * noise(*out.shape, seed=1)).sum())
        without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
        require(not without, f"every parameter must take part, got no gradient for {', '.join(without)}")
        require(x.grad is not None and bool(x.grad.any()), "a gradient must reach the inputs, got none")

    def test_is_causal_exactly_when_it_says_so(self, make: Make) -> None:
        """Output t depends on inputs up to t only if `causal` is True, and on later ones too if it is False.

        Way out: pad convolutions on the left only, mask attention, take no mean over time; or declare `causal = False`.
        """
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
        """A sequence cut in two anywhere, the state passed on, gives what the whole one gives.

        Way out: begin with the state that is passed in and return all that is carried; or declare `stateful = False`.
        """
        model = self._stateful(make)
        x = self._x(model, at_least=2)
        whole, end = run(model, x)
        for cut in sorted({1, x.shape[1] // 2, x.shape[1] - 1}):
            first, state = run(model, x[:, :cut])
            second, last = run(model, x[:, cut:], state)
            out, states = gap(torch.cat([first, second], dim=1), whole), state_gap(last, end)
            seen = f"cut after step {cut}, outputs differ {by(out)} and final states {by(states)}"
            require(max(out, states) <= self.tolerance, f"stateful: a state passed in continues the sequence; {seen}")

    def test_state_has_the_batch_first(self, make: Make) -> None:
        """Every tensor of the state has the batch first, and a row's part of it is that row's own.

        Way out: turn torch's (layers, batch, size) into (batch, layers, size) with `transpose(0, 1)`.
        """
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
        """Neither the inputs nor the state passed in are changed.

        Way out: replace operations in place (`+=`, `copy_`, `clamp_`, `x[...] = ...`) on what was passed in.
        """
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
        """A padded row gives what it gives alone, and its final state is that after its last valid step.

        Way out: keep the state of rows that have ended (`lengths`), as `CellArchitecture` does, or pack the sequences.
        """
        model = self._build(make)
        x = self._x(model, at_least=2)
        lengths = torch.tensor([x.shape[1], x.shape[1] // 2, 1])
        for before in [None, run(model, self._x(model, seed=1))[1]] if model.stateful else [None]:
            padded, after = run(model, x, before, lengths)
            for i, n in enumerate(lengths.tolist()):
                out, end = run(model, x[i : i + 1, :n], row(before, i))
                seen = gap(padded[i : i + 1, :n], out)
                moved = f"padding a row of {n} steps moved its outputs {by(seen)}."
                require(seen <= self.tolerance, moved + time_first_hint(model))
                seen = state_gap(row(after, i), end) if model.stateful else 0.0
                require(seen <= self.tolerance, f"padding a row of {n} steps moved its final state {by(seen)}")

    def test_rows_do_not_see_each_other(self, make: Make) -> None:
        """What one row holds changes no output of another, in training mode too.

        Way out: normalise over features (layer norm), not over the batch (batch norm); check that the batch is first.
        """
        model = self._build(make)
        x = self._x(model)
        other = torch.cat([noise(1, *x.shape[1:], seed=1), x[1:]])
        for training in (False, True):
            model.train(training)
            seen, mode = gap(run(model, other)[0][1:], run(model, x)[0][1:]), "training" if training else "evaluation"
            broken = f"rows of a batch must not see each other; in {mode} mode one row moved others by {seen:.2g}."
            require(seen <= self.tolerance, broken + time_first_hint(model))

    def test_observe_shows_named_internals_of_every_step(self, make: Make) -> None:
        """`observe` gives tensors of shape (batch, time, units), under the same names for every input; `hidden` equals
        the outputs.

        Way out: return a value for each step under each name, and no name that depends on the input; leave `observe`
        out to have the outputs and the state shown.
        """
        model = self._build(make).eval()
        x = self._x(model)
        with torch.no_grad():
            seen, fewer = model.observe(x), model.observe(x[:1, :1])
        require(seen.keys() == fewer.keys(), f"names must not depend on the input, got {[*seen]} and {[*fewer]}")
        wrong = [name for name, values in seen.items() if values.dim() != 3 or values.shape[:2] != x.shape[:2]]
        require(not wrong, f"every internal must be of shape (batch, time, units), got {wrong} of others")
        if "hidden" in seen and type(model).observe is not Architecture.observe:
            moved = gap(seen["hidden"], run(model, x)[0])
            require(moved <= self.tolerance, f"'hidden' must equal the outputs, got a difference of {moved:.2g}")
