"""One training step: forward, backward, clipping, optimizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from harness.spec import RunSpec
from harness.training.build import build_model, build_task
from harness.training.data import batches, to_device
from harness.training.execution import loss_of, refuse_execution
from harness.training.optimizer import make_optimizer
from harness.training.precision import arithmetic, refuse_precision


class Work:
    """One training at one batch, again and again; with a learning rate of 0, so that each time is the same work."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        refuse_precision(spec.precision, device)
        refuse_execution(spec, device)
        self.spec, self.device = replace(spec, lr=0.0), device
        self.task = build_task(spec.task, spec.task_options)
        model = build_model(spec, self.task).to(device)
        self.model = model.double() if spec.precision == "64" else model
        sizes = [spec.batch_size]
        self.batch = to_device(next(batches(self.task, spec.seed, "train", spec.length, sizes)), device)
        self.loss = loss_of(self.model, spec.execution)
        self.optimizer = make_optimizer(self.model, self.spec)
        self.scaler = torch.amp.GradScaler(device.type, enabled=spec.precision == "16-mixed")

    def call(self, kind: str) -> Callable[[], None]:
        """A pass, by its name; it returns when the device has done it."""
        return finished({"forward": self.forward, "backward": self.backward, "step": self.step}[kind], self.device)

    def forward(self) -> Tensor:
        """The loss, with all that a backward pass needs of it."""
        with arithmetic(self.device, self.spec.precision):
            return self.loss(self.batch)

    def eager(self) -> Tensor:
        """The same in eager operations, whatever the execution."""
        with arithmetic(self.device, self.spec.precision):
            return self.model.loss(self.batch)

    def backward(self) -> None:
        self.optimizer.zero_grad()
        self.scaler.scale(self.forward()).backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Forward, backward, clipping, optimizer: what Lightning does for one batch."""
        self.backward()
        if self.spec.clip:
            self.scaler.unscale_(self.optimizer) if self.scaler.is_enabled() else None
            nn.utils.clip_grad_norm_(self.model.parameters(), self.spec.clip)
        self.scaler.step(self.optimizer) if self.scaler.is_enabled() else self.optimizer.step()
        self.scaler.update()


def finished(function: Callable[[], object], device: torch.device) -> Callable[[], None]:
    """The function, returning only when the device has done all of it."""
    synchronise: dict[str, Callable[[], object]] = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}
    wait = synchronise.get(device.type)

    def call() -> None:
        function()
        if wait:
            wait()

    return call
