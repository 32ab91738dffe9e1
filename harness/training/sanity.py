"""Rules that every model must keep, whatever it declares: checked on a few sequences before training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from harness.discovery.adapt import time_first_hint, wrong_shape_message
from harness.discovery.compose import is_built_in
from harness.errors import RefusedError
from harness.process.rng import preserve_rng, seed_all
from harness.spec import RunSpec
from harness.task import Batch, Task, Tokens
from harness.training.build import build_model, time_steps
from harness.training.compatibility import why_not
from harness.training.data import batches, to_device
from harness.training.model import Model

_ROWS = 4
_FEW_STEPS = 2


def probe_batch(task: Task, spec: RunSpec, device: torch.device) -> Batch:
    """Four sequences that are neither trained nor tested on."""
    return to_device(next(batches(task, spec.seed, "probe", spec.length, [4])), device)


def refuse_unfit(model: Model, task: Task, spec: RunSpec, batch: Batch) -> None:
    """Raises RefusedError where the pair does not fit, or the model breaks a rule on these sequences."""
    reason = why_not(model.architecture, task, time_steps(task, spec.longest), spec.tbptt > 0)
    if reason:
        raise RefusedError(f"{spec.label or spec.architecture} cannot be run on {spec.task}: {reason}.")
    refuse_if_unsound(model, task, batch)
    refuse_fixed_start(model, task, spec)


def refuse_if_unsound(model: Model, task: Task, batch: Batch) -> None:
    """Raises RefusedError, saying what was seen and which rule it breaks. Leaves model and generators as they were."""
    batch = batch._replace(**{name: part[:_ROWS] for name, part in batch._asdict().items() if part is not None})
    with _as_it_was(model), torch.no_grad():
        _shape(model, batch)
        _finite(model, batch)
        _repeatable(model, batch)
        _rows_apart(model, batch)
        if task.needs_causal:
            _blind_to_the_future(model, task, batch)


def refuse_fixed_start(model: Model, task: Task, spec: RunSpec) -> None:
    """Raises RefusedError where an architecture starts with the same parameters at every seed, and does not say so.

    The interval over its seeds would otherwise treat one start as several independent ones.
    """
    if declares_fixed_start(model.architecture) or is_built_in(spec.architecture):
        return
    with preserve_rng():
        other = build_model(replace(spec, seed=spec.seed + 1), task)
    if start_alike(model.architecture, other.architecture):
        raise RefusedError(
            "its parameters start the same at every seed: it seeds torch itself, or its weights are fixed. Several "
            "seeds would count one start several times. Leave the seeding out, or declare fixed_start = True."
        )


def declares_fixed_start(architecture: nn.Module) -> bool:
    """Whether it, or a part of it, says that its parameters start the same at every seed."""
    return any(getattr(part, "fixed_start", False) for part in architecture.modules())


def start_alike(one: nn.Module, other: nn.Module) -> bool:
    """Whether all trainable parameters of two models are equal; False where there are none."""
    pairs = zip(one.parameters(), other.parameters(), strict=False)
    trained = [(first.detach().cpu(), second.detach().cpu()) for first, second in pairs if first.requires_grad]
    return bool(trained) and all(torch.equal(first, second) for first, second in trained)


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
    wanted = model.head.weight.dtype
    if out.dtype != wanted:
        seen, rule = (str(dtype).removeprefix("torch.") for dtype in (out.dtype, wanted))
        way_out = "end forward with out.to(x.dtype)"
        if out.is_complex():
            way_out = "return the real part, or real and imaginary part side by side"
        raise RefusedError(f"its outputs are {seen}, and the head takes {rule}: {way_out}.")


def _finite(model: Model, batch: Batch) -> None:
    answer = _answers(model, batch)
    if not answer.isfinite().all():
        share = 1 - answer.isfinite().float().mean().item()
        raise RefusedError(
            f"{share:.0%} of its outputs are not finite before training; outputs must be finite numbers."
        )


def _repeatable(model: Model, batch: Batch) -> None:
    """A call must give the same answer after a call on another input; at a few steps, where a state still counts."""
    try:
        difference = _change_between_calls(model, batch.inputs[:, :_FEW_STEPS])
    except Exception:  # it needs more steps
        difference = _change_between_calls(model, batch.inputs)
    if difference > 0:
        raise RefusedError(
            f"two calls on the same input gave outputs that differ by {difference:.2g}: it keeps something of a call "
            "on itself, such as its last state. Begin each call anew, and return the state instead."
        )


def _change_between_calls(model: Model, inputs: Tensor) -> float:
    first = _each_step(model, inputs)
    _each_step(model, _other(inputs, model))
    return (first - _each_step(model, inputs)).abs().max().item()


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
        hint = time_first_hint(model.architecture) or _iterates_over_rows(model, batch)
        raise RefusedError(f"{seen}; {rule}{hint}")


def _iterates_over_rows(model: Model, batch: Batch) -> str:
    """A hint where the model takes the first dimension for time: with dimensions swapped its rows are apart."""

    def swapped(inputs: Tensor) -> Tensor:
        seed_all(0)
        out: Tensor = model.architecture(model.embedding(inputs).transpose(0, 1), None, None)[0]
        return out.transpose(0, 1)

    changed = batch.inputs.clone()
    changed[0] = _other(changed[0], model)
    try:
        difference = (swapped(batch.inputs) - swapped(changed))[1:].abs().max().item()
    except Exception:
        return ""
    if difference > 0:
        return ""
    return " It seems to take time first: inputs are (batch, time, size); loop over the second dimension."


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
