"""Declared is checked: a model that breaks a rule is refused before it is trained, whatever it declares."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.discovery.adapt import time_first_hint, wrong_shape_message
from harness.errors import RefusedError
from harness.process.rng import preserve_rng, seed_all
from harness.task import Batch, Task, Tokens
from harness.training.model import Model

_ROWS = 4


def refuse_if_unsound(model: Model, task: Task, batch: Batch) -> None:
    """Raises RefusedError, saying what was seen and which rule it breaks. Leaves model and generators as they were."""
    batch = batch._replace(**{name: part[:_ROWS] for name, part in batch._asdict().items() if part is not None})
    with _as_it_was(model), torch.no_grad():
        _shape(model, batch)
        _finite(model, batch)
        _rows_apart(model, batch)
        if task.needs_causal:
            _blind_to_the_future(model, task, batch)


class _as_it_was:  # noqa: N801
    """Restores parameters' mode, buffers and global generators on leaving."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __enter__(self) -> None:
        self.training = [module.training for module in self.model.modules()]
        self.buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.rng = preserve_rng(_cuda_devices(self.model))
        self.rng.__enter__()

    def __exit__(self, *error: object) -> None:
        self.rng.__exit__(None, None, None)
        with torch.no_grad():
            for buffer, before in zip(self.model.buffers(), self.buffers, strict=True):
                buffer.copy_(before)
        for module, training in zip(self.model.modules(), self.training, strict=True):
            module.training = training


def _shape(model: Model, batch: Batch) -> None:
    x = model.embedding(batch.inputs)
    out, _ = model.architecture(x, None, batch.lengths)
    expected = (*x.shape[:2], model.architecture.output_size)
    if not isinstance(out, Tensor) or tuple(out.shape) != expected:
        said = wrong_shape_message("it", tuple(x.shape), out) + f" Expected {expected}."
        raise RefusedError(said + time_first_hint(model.architecture))


def _finite(model: Model, batch: Batch) -> None:
    answer = _answers(model, batch)
    if not answer.isfinite().all():
        share = 1 - answer.isfinite().float().mean().item()
        raise RefusedError(
            f"{share:.0%} of its outputs are not finite before training; outputs must be finite numbers."
        )


def _rows_apart(model: Model, batch: Batch) -> None:
    """Changing one row must leave the others' outputs alone, in training mode too."""
    changed = batch._replace(inputs=batch.inputs.clone())
    changed.inputs[0] = _other(batch.inputs[0], model)
    model.train()
    before, after = _answers(model, batch), _answers(model, changed)
    model.eval()
    difference = (before[1:] - after[1:]).abs().max().item()
    if difference > _tolerance(before):
        seen = f"changing one row of a batch moved the outputs of other rows by up to {difference:.2g}"
        rule = "rows of a batch must not see each other (as in batch normalisation over rows)."
        raise RefusedError(f"{seen}; {rule}{time_first_hint(model.architecture)}")


def _blind_to_the_future(model: Model, task: Task, batch: Batch) -> None:
    """Changing the steps from `cut` on must leave the outputs before it alone."""
    time = batch.inputs.shape[1]
    full = batch._replace(lengths=None)
    before = _each_step(model, full.inputs)
    for cut in sorted({1, time // 2, time - 1} - {0}):
        inputs = full.inputs.clone()
        inputs[:, cut:] = _other(inputs[:, cut:], model)
        difference = (before - _each_step(model, inputs))[:, :cut].abs().amax(dim=(0, 2))
        if difference.max().item() > _tolerance(before):
            step = int((difference > _tolerance(before)).nonzero()[0])
            seen = f"changing the input from step {cut} on moved the output at step {step} by {difference[step]:.2g}"
            raise RefusedError(f"it sees the future: {seen}; on this task output t may depend on inputs up to t only.")


def _answers(model: Model, batch: Batch) -> Tensor:
    seed_all(0)  # the same dropout for the same rows
    answer: Tensor = model(batch.inputs, batch.lengths)[0]
    return answer.float()


def _each_step(model: Model, inputs: Tensor) -> Tensor:
    seed_all(0)
    model.eval()
    out: Tensor = model.architecture(model.embedding(inputs), None, None)[0]
    return out.float()


def _other(inputs: Tensor, model: Model) -> Tensor:
    """Inputs of the same kind that differ at every step."""
    if isinstance(model.task_inputs, Tokens):
        return (inputs + 1) % model.task_inputs.size
    return 1 - inputs


def _tolerance(reference: Tensor) -> float:
    return 1e-5 * max(1.0, reference.abs().max().item())


def _cuda_devices(model: Model) -> list[int]:
    return sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
