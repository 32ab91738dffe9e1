"""One training step: forward, backward, clipping, optimizer. Training, previews and `harness bench` share it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from harness.spec import RunSpec
from harness.task import Batch
from harness.training.data import to_device
from harness.training.execution import loss_function
from harness.training.model import Model
from harness.training.optimizer import make_optimizer
from harness.training.precision import MEANING, arithmetic, converted
from harness.training.schedule import is_constant, learning_rate
from harness.training.tbptt import Carried, Piece


class TrainingStep:
    """Trains a model, which is on its device, by one batch a call."""

    def __init__(self, model: Model, spec: RunSpec, device: torch.device) -> None:
        self.model, self.spec, self.device = converted(model, spec.precision), spec, device
        self.optimizer = make_optimizer(model, spec)
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.loss_of_batch = loss_function(model, spec.execution)
        self.carried = Carried(model)  # the state between the pieces that --tbptt makes
        scaled = MEANING[spec.precision].scaled
        self.scaler = torch.amp.GradScaler(device.type) if scaled else None
        self.steps = 0
        self.lr = spec.lr  # of the last step
        self.scales = [group["lr"] / spec.lr if spec.lr else 1.0 for group in self.optimizer.param_groups]
        self.gradient_norm = torch.zeros(())  # at the last step, before clipping

    def __call__(self, batch: Batch | Piece) -> Tensor:
        """The loss of the batch, detached; it stays on the device until somebody reads it."""
        loss = self.loss(batch)
        self.backward(loss)
        self.update()
        return loss.detach()

    def loss(self, batch: Batch | Piece) -> Tensor:
        """In the arithmetic of the run's precision, which is not that of making data, nor of backward."""
        with arithmetic(self.device, self.spec.precision):
            if isinstance(batch, Batch):
                return self.loss_of_batch(to_device(batch, self.device))
            return self.carried.loss(tuple(chunk.to(self.device) for chunk in batch))

    def backward(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        scaled = self.scaler.scale(loss) if self.scaler else loss
        scaled.backward()  # type: ignore[no-untyped-call]

    def update(self) -> None:
        """Clips the gradient and moves the parameters."""
        if self.scaler:
            self.scaler.unscale_(self.optimizer)
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        self.gradient_norm = get_total_norm(gradients)
        if self.spec.clip:
            clip_grads_with_norm_(self.parameters, self.spec.clip, self.gradient_norm)
        self._set_learning_rate()
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        self.steps += 1

    def _set_learning_rate(self) -> None:
        if is_constant(self.spec):
            return
        self.lr = learning_rate(self.spec, self.steps)
        for group, scale in zip(self.optimizer.param_groups, self.scales, strict=True):
            group["lr"] = self.lr * scale
