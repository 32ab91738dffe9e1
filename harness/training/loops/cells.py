"""Puts compiled loops into a model's cells, and says of each which kernel computes it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.utils import _pytree as pytree

from harness.architecture import CellArchitecture, State
from harness.training.loops.compiler import find_compiler, version
from harness.training.loops.loop import CompiledStep, compile_step, run
from harness.training.loops.trace import IN_PLACE, OUTSIDE, CannotCompileError, Wanted, tensors
from harness.training.loops.used import STEP_BY_STEP, note

_CHECKED_ROWS, _CHECKED_STEPS = 4, 4
_TOLERANCE = 1e-4  # of the largest number: between two ways to round, far below what a wrong loop gives


def compile_cells(model: nn.Module) -> list[CompiledLoop]:
    """From now on the model's cells are computed by compiled loops, where that can be."""
    cells = [module for module in model.modules() if isinstance(module, CellArchitecture)]
    loops = [CompiledLoop(cell) for cell in cells]
    for cell, loop in zip(cells, loops, strict=True):
        cell.time_loop = loop
    return loops


def _attributes(cell: nn.Module) -> tuple[Any, ...]:
    """The numbers and words that a cell and its parts hold, which become part of a loop; `training` among them."""
    held = (value for module in cell.modules() for value in vars(module).values())
    return tuple(value for value in held if isinstance(value, (bool, int, float, str)))


def _reason(error: Exception) -> str:
    """Why a step cannot be traced, from what torch says."""
    told = str(error).strip()
    if isinstance(error, DataDependentOutputException):
        return "its Python code depends on the numbers in a tensor"
    if "in-place operation" in told:
        return IN_PLACE
    if "convert all Tensors to FakeTensors" in told:
        return OUTSIDE
    return f"it cannot be traced: {type(error).__name__}: {told.partition(chr(10))[0][:120]}"


class CompiledLoop:
    """What a cell's `forward` gives, by a loop made for the kind of its inputs at the first call with them.

    Where no loop can be made, `why` says so and the cell is unrolled.
    """

    def __init__(self, cell: CellArchitecture) -> None:
        self.cell = cell
        self.made: dict[Any, CompiledStep | None] = {}
        self.why = ""

    @property
    def kernel(self) -> str:
        """What computed the cell so far."""
        return f"{STEP_BY_STEP} ({self.why})" if self.why else f"generated loop ({version(find_compiler())}, native)"

    def __call__(self, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        step = self._step(x, state) if self._fits(x, state) else None
        note(self.kernel)
        if step is None:
            return self.cell.unroll(x, state, lengths)
        return run(step, self.cell, x, state, lengths)

    def _fits(self, x: Tensor, state: State) -> bool:
        """Whether the numbers are of the kind that loops compute with; rows and steps can be any."""
        given = [x, *pytree.tree_flatten(state)[0], *tensors(self.cell).values()]
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        plain = all(type(one) in (Tensor, nn.Parameter) and one.device.type == "cpu" for one in given)
        if not plain or torch.is_autocast_enabled("cpu"):
            self.why = "loops are made for single precision on a CPU"
        return bool(plain) and not traced and not torch.is_autocast_enabled("cpu") and bool(x.numel())

    def _step(self, x: Tensor, state: State) -> CompiledStep | None:
        parts = pytree.tree_flatten(state)[0]
        given = list(tensors(self.cell).values())
        wants = tuple(tensor.requires_grad for tensor in given)
        types = tuple(tensor.dtype for tensor in (x, *parts, *given))
        key: Any = x.shape[2:], tuple(part.shape[1:] for part in parts), types, wants, _attributes(self.cell)
        ways = (True, False) if not torch.is_grad_enabled() else (x.requires_grad,)
        for upon_x in ways:  # without gradients either will do
            if (key, upon_x) in self.made:
                return self.made[key, upon_x]
        upon_x = x.requires_grad and torch.is_grad_enabled()
        self.made[key, upon_x] = self._try(x, state, Wanted(wants, upon_x))
        return self.made[key, upon_x]

    def _try(self, x: Tensor, state: State, wanted: Wanted) -> CompiledStep | None:
        try:
            step = compile_step(self.cell, x, state, wanted)
            self._compare(step, x, state)
        except CannotCompileError as error:
            self.why = str(error)
        except Exception as error:  # of torch's tracing: whatever it is, the plain loop computes
            self.why = _reason(error)
        else:
            return step
        return None

    def _compare(self, step: CompiledStep, x: Tensor, state: State) -> None:
        """Raises CannotCompileError where the loop and the plain one differ over the first steps."""
        x = x.detach()[:_CHECKED_ROWS, :_CHECKED_STEPS]
        state = pytree.tree_map(lambda part: part.detach()[:_CHECKED_ROWS], state)
        with torch.enable_grad():
            plain = self._values(*self.cell.unroll(x, state, None))
            made = self._values(*run(step, self.cell, x, state, None))
        for wanted, found in zip(plain, made, strict=True):
            bound = _TOLERANCE * float(wanted.abs().max()) + 1e-6
            if not bool(((wanted - found).abs() <= bound).logical_or(wanted.isnan()).all()):
                raise CannotCompileError("the compiled loop gives other numbers")

    def _values(self, out: Tensor, state: State) -> list[Tensor]:
        """Outputs, states, and the gradients of their sum upon the parameters."""
        flat = [out, *pytree.tree_flatten(state)[0]]
        wanting = [tensor for tensor in self.cell.parameters() if tensor.requires_grad]
        total = torch.stack([part.square().sum() for part in flat]).sum()
        grads = torch.autograd.grad(total, wanting, allow_unused=True) if wanting and total.requires_grad else ()
        return [part.detach() for part in flat] + [grad for grad in grads if grad is not None]
