"""The work that is timed: passes of a training as `harness run` does them, and what is measured beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from harness.spec import RunSpec
from harness.training.build import build_model, build_task
from harness.training.data import batches, to_device
from harness.training.execution import refuse_execution
from harness.training.precision import arithmetic, product_dtype, refuse_precision
from harness.training.step import TrainingStep

_PRODUCT = {"cpu": 512}  # rows of the square matrices; elsewhere:
_PRODUCT_ELSEWHERE = 8192
_LOOP_STEPS, _LOOP_BATCH, _LOOP_SIZE = 64, 32, 128


class Work:
    """One training at one batch, again and again; with a learning rate of 0, so that each time is the same work."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        refuse_precision(spec.precision, device)
        refuse_execution(spec, device)
        self.spec, self.device = replace(spec, lr=0.0), device
        self.task = build_task(spec.task, spec.task_options)
        self.training_step = TrainingStep(build_model(spec, self.task).to(device), self.spec, device)
        self.model = self.training_step.model
        sizes = [spec.batch_size]
        self.batch = to_device(next(batches(self.task, spec.seed, "train", spec.trained, sizes)), device)

    def call(self, kind: str) -> Callable[[], None]:
        """A pass, by its name; it returns when the device has done it."""
        return finished({"forward": self.forward, "backward": self.backward, "step": self.step}[kind], self.device)

    def forward(self) -> Tensor:
        """The loss, with all that a backward pass needs of it."""
        return self.training_step.loss(self.batch)

    def eager(self) -> Tensor:
        """The same in eager operations, whatever the execution."""
        with arithmetic(self.device, self.spec.precision):
            return self.model.loss(self.batch)

    def backward(self) -> None:
        self.training_step.backward(self.forward())

    def step(self) -> None:
        self.training_step(self.batch)


def finished(function: Callable[[], object], device: torch.device) -> Callable[[], None]:
    """The function, returning only when the device has done all of it."""
    synchronise: dict[str, Callable[[], object]] = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}
    wait = synchronise.get(device.type)

    def call() -> None:
        function()
        if wait:
            wait()

    return call


def product(device: torch.device, precision: str) -> tuple[Callable[[], None], float]:
    """A product of two large matrices at a precision, and its floating-point operations."""
    rows = _PRODUCT.get(device.type, _PRODUCT_ELSEWHERE)
    a = torch.ones(rows, rows, device=device, dtype=product_dtype(precision))
    out = torch.empty_like(a)
    return finished(lambda: torch.mm(a, a, out=out), device), 2.0 * rows**3


def loop(device: torch.device) -> Callable[[], None]:
    """The reference: a recurrence in plain operations, forward and backward; small products and many calls."""
    x = torch.linspace(-1, 1, _LOOP_BATCH * _LOOP_SIZE, device=device).reshape(_LOOP_BATCH, _LOOP_SIZE)
    weight = (torch.eye(_LOOP_SIZE, device=device) * 0.5).requires_grad_()

    def recur() -> None:
        state = x
        for _ in range(_LOOP_STEPS):
            state = torch.tanh(state @ weight + x)
        weight.grad = None
        state.sum().backward()  # type: ignore[no-untyped-call]

    return finished(recur, device)
