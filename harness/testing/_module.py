"""What an architecture promises as a module: seeds, size, options, copies, and other devices and number types."""

from __future__ import annotations

import inspect
import pickle

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from harness.discovery.plugin_errors import describe_error
from harness.testing._probes import Make, another_device, build, ends_of_ranges, gap, require, run, tensors
from harness.testing._subject import Subject
from harness.training.sanity import declares_fixed_start, start_alike


class ModulePromises(Subject):
    """The checks of how it is made, kept and moved."""

    def test_same_seed_gives_the_same_outputs(self, make: Make) -> None:
        """Built anew from the same seed it is the same, in training mode too; in evaluation mode nothing is random.

        Way out: draw from torch's global generator, and add noise or dropout only while `self.training`.
        """
        first, second = self._build(make), self._build(make)
        x = self._x(first)
        seen = gap(run(first, x)[0], run(second, x)[0])
        require(seen == 0, f"two models built from one seed must be equal, their outputs differ by {seen:.2g}")
        seen = gap(run(first, x, seed=1)[0], run(first, x, seed=2)[0])
        require(seen == 0, f"outputs in evaluation mode must not be random, two passes differ by {seen:.2g}")
        seen = gap(run(first.train(), x)[0], run(second.train(), x)[0])
        require(seen == 0, f"two training passes from one seed must be equal, their outputs differ by {seen:.2g}")

    def test_another_seed_gives_other_parameters(self, make: Make) -> None:
        """Built from another seed its trainable parameters start elsewhere, unless it declares `fixed_start = True`.

        Way out: leave out `torch.manual_seed` and draw the weights from torch's global generator. Where a fixed start
        is meant, declare `fixed_start = True` in the class.
        """
        first, second = self._build(make), self._build(make, seed=1)
        if declares_fixed_start(first):
            pytest.skip("declares fixed_start=True")
        alike = start_alike(first, second)
        require(
            not alike, "its parameters start the same at every seed: several seeds would count one start several times"
        )

    def test_state_dict_holds_all_that_matters(self, make: Make) -> None:
        """Another model that loads its state_dict gives the same outputs.

        Way out: register what matters as a parameter or as a persistent buffer, not as a plain attribute.
        """
        first, second = self._build(make), self._build(make, seed=1)
        second.load_state_dict(first.state_dict())
        seen = gap(run(second, self._x(first))[0], run(first, self._x(first))[0])
        require(seen <= self.tolerance, f"a loaded state_dict must give the same outputs, they differ by {seen:.2g}")

    def test_pickling_keeps_it(self, make: Make) -> None:
        """It can be pickled, as on its way to a worker, and the copy gives the same outputs.

        Way out: keep no lambda, open file, generator or class defined inside a function as an attribute.
        """
        model = self._build(make)
        if any(is_parametrized(part) for part in model.modules()):
            pytest.skip("torch pickles no parametrised weights; they travel as a state_dict, which is checked")
        try:
            copy = pickle.loads(pickle.dumps(model))
        except Exception as error:
            raise AssertionError(f"it must be picklable, got {type(error).__name__}: {error}") from error
        seen = gap(run(copy, self._x(model))[0], run(model, self._x(model))[0])
        require(seen <= self.tolerance, f"a pickled copy must give the same outputs, they differ by {seen:.2g}")

    def test_size_grows_with_hidden_size(self, make: Make) -> None:
        """A larger `hidden_size` means more parameters, so that sizes can be matched.

        Way out: make the layers as wide as `hidden_size` says.
        """
        sizes = [self.hidden_size, 2 * self.hidden_size, 4 * self.hidden_size]
        counts = [sum(p.numel() for p in build(make, self.input_size, size).parameters()) for size in sizes]
        grows = counts[0] < counts[1] < counts[2]
        require(grows, f"parameters must grow with hidden_size, got {counts} parameters for sizes {sizes}")

    def test_search_space_names_real_options(self, make: Make) -> None:
        """`search_space` names arguments of the constructor, whose defaults lie inside their ranges.

        Way out: correct the name, give the argument a default, or widen the range.
        """
        declared = {type(m): getattr(m, "search_space", {}) for m in self._build(make).modules()}
        if not any(declared.values()):
            pytest.skip("declares no search space")
        for cls, name, space in [(cls, *entry) for cls, spaces in declared.items() for entry in spaces.items()]:
            found = inspect.signature(cls).parameters.get(name)
            optional = found is not None and found.default is not found.empty
            require(optional, f"search_space names {name!r}, which is no argument of {cls.__name__} with a default")
            default = found.default if found else None
            require(default in space, f"the default of {name!r}, {default!r}, lies outside its range {space}")

    def test_works_at_the_ends_of_its_ranges(self, make: Make) -> None:
        """At both ends of every range of `search_space`, and with every choice, its outputs are finite.

        Way out: narrow the range to what the architecture can take.
        """
        tried = list(ends_of_ranges(self._build(make), make))
        if not tried:
            pytest.skip("declares no search space")
        for said, at_an_end in tried:
            model = build(at_an_end, self.input_size, self.hidden_size)
            out, _ = run(model, self._x(model))
            require(bool(out.isfinite().all()), f"outputs must be finite at the ends of its ranges, not so at {said}")

    def test_parameter_groups_hold_every_parameter_once(self, make: Make) -> None:
        """`parameter_groups()` holds every parameter exactly once.

        Way out: begin with `list(self.parameters())` and take out what has a group of its own.
        """
        model = self._build(make)
        grouped = [id(p) for group in model.parameter_groups() for p in group["params"]]
        for name, p in model.named_parameters():
            times = grouped.count(id(p))
            once = times == 1 or (times == 0 and not p.requires_grad)
            require(once, f"parameter_groups() must hold every parameter once, {name} is there {times} times")

    def test_moves_to_another_device(self, make: Make) -> None:
        """Moved to an accelerator it computes there, given lengths that stay on the CPU.
        Where there is none, torch's device "meta" stands in for one: it has shapes and no numbers.

        Way out: make new tensors with `x.new_zeros(...)` or `device=x.device`, register constants as buffers, and move
        `lengths` with `lengths.to(x.device)` before they meet other tensors.
        """
        device = another_device()
        model = self._build(make).to(device)
        x = self._x(model).to(device)
        for lengths in (None, torch.full((x.shape[0],), x.shape[1])):
            try:
                out, state = run(model, x, None, lengths)
            except RuntimeError as error:
                if device.type == "meta" and _without_data(error):
                    continue
                raise AssertionError(
                    f"moved to {device.type} it must compute there; {describe_error(error)}"
                ) from error
            stayed = {str(tensor.device) for tensor in (out, *tensors(state))} - {str(device), f"{device}:0"}
            require(not stayed, f"moved to {device.type}, outputs and state must be there, got some on {stayed}")

    def test_runs_in_bfloat16(self, make: Make) -> None:
        """Moved to bfloat16 it gives finite outputs in bfloat16.

        Way out: make new tensors with `x.new_zeros(...)`, which takes the type of x. What must be computed in float32,
        as complex numbers must, is turned into it by `.float()`, and the outputs back by `.to(x.dtype)`.
        """
        model = self._build(make).to(torch.bfloat16)
        out, _ = run(model, self._x(model).to(torch.bfloat16))
        right = out.dtype == torch.bfloat16 and bool(out.isfinite().all())
        require(right, f"a model moved to bfloat16 must give finite bfloat16 outputs, got {out.dtype}")


def _without_data(error: RuntimeError) -> bool:
    """Whether an operation failed only because "meta" holds no numbers, as when they are to decide what is next."""
    return isinstance(error, NotImplementedError) or "meta tensor" in str(error)
