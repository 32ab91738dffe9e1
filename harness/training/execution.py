"""How a training computes its loss and gradient: operation by operation, compiled, or as a recorded CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import RefusedError
from harness.spec import RunSpec
from harness.task import Batch
from harness.training.loops.used import used
from harness.training.model import Model

LossFunction = Callable[[Batch], Tensor]


def refuse_execution(spec: RunSpec, device: torch.device) -> None:
    """Raises RefusedError where a device or a way of training has nothing that could be compiled or recorded."""
    if spec.execution == "cuda-graphs" and device.type != "cuda":
        raise RefusedError(f"--execution cuda-graphs needs a CUDA GPU, and this is {device.type}: eager, or compile.")
    if spec.execution == "compile" and device.type == "cpu":
        return  # generated loops take sequences of any length
    if spec.execution != "eager" and spec.length_from is not None:
        raise RefusedError(f"--execution {spec.execution} needs batches of one shape, and a range of lengths has many.")
    if spec.execution != "eager" and spec.tbptt:
        raise RefusedError(
            f"--execution {spec.execution} needs batches of one shape, and --tbptt cuts them: leave one out."
        )


def loss_function(model: Model, execution: str) -> LossFunction:
    """The loss of a batch on the model's device, executed as asked.

    With "compile" on a CPU, loops are generated for the cells of the model, and evaluations use them too; whatever else
    the model has is computed as in "eager". On other devices torch.compile makes the loss, and evaluations are eager.
    """
    if execution == "compile" and next(model.parameters()).device.type == "cpu":
        from harness.training.loops.cells import compile_cells  # what torch needs to trace is imported where it is used

        compile_cells(model)
        return model.loss
    if execution == "compile":
        compiled: LossFunction = torch.compile(model.loss)
        return compiled
    return _Graphed(model) if execution == "cuda-graphs" else model.loss


def kernel(spec: RunSpec, device: torch.device) -> str:
    """What has computed the recurrences of this process since its run began, in words for the record."""
    if device.type == "cuda":
        how = {"compile": "torch.compile", "cuda-graphs": "torch, CUDA graphs"}.get(spec.execution, "torch")
        return f"{how} (cuDNN {torch.backends.cudnn.version()})"  # type: ignore[no-untyped-call]
    return "; ".join(used()) or "torch"


class _Graphed:
    """Forward and backward recorded at the first batch and replayed at each later one, which has the same shape.

    A recurrence in eager operations is hundreds of small kernels, each of which takes longer to launch than to run.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.recorded: Callable[..., Tensor] | None = None

    def __call__(self, batch: Batch) -> Tensor:
        if batch.lengths is not None:
            raise RefusedError("--execution cuda-graphs needs sequences of one length, and this task pads: use eager.")
        if batch.fed is not None and not self.model.teacher_forcing:
            raise RefusedError("--execution cuda-graphs records whole sequences, and this task feeds back: use eager.")
        parts = {name: part for name, part in batch._asdict().items() if part is not None}
        if self.recorded is None:
            samples = tuple(part.clone() for part in parts.values())
            recorded: Any = torch.cuda.make_graphed_callables(
                _Parts(self.model, tuple(parts)), samples, allow_unused_input=True
            )
            self.recorded = recorded
        return self.recorded(*parts.values()).clone()  # the next replay writes to the same place


class _Parts(nn.Module):
    """The loss as a module of a batch's tensors: what can be recorded."""

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *parts: Tensor) -> Tensor:
        return self.model.loss(Batch(**dict(zip(self.names, parts, strict=True))))
