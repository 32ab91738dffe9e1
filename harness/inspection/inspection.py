"""One run looked into: gradients, states, gates and what can be decoded, at the start and after training."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.architecture import Architecture
from harness.errors import UsageError
from harness.inspection.decoding import decoded_by_step
from harness.inspection.gradients import gradient_by_lag
from harness.inspection.sequence import as_batch, shown_sequence
from harness.inspection.states import state_by_lag
from harness.inspection.units import followers, slowest_first, time_scales
from harness.inspection_record import DecodedByStep, Follower, Inspection, StateByLag
from harness.record import Record
from harness.task import Batch, Task
from harness.training.build import build_model, build_task
from harness.training.data import batches, rows_of
from harness.training.model import Model
from harness.training.precision import converted
from harness.training.weights import trained_model

_GRADIENT_ROWS = 64
_PROBE_ROWS = 400
_LEAST_PROBE_ROWS = 100
_TOKENS = 100_000  # of the sequences that are probed: fewer sequences where they are long
_MOST_UNITS = 1024  # numbers of state that a probe is given; beyond it, the outputs are probed
_SHOWN_UNITS = 64  # rows of a heat map: the slowest units
_FORGET = "forget gate"


def inspect_run(record: Record, weights: bytes | None, length: int | None = None, sequence: str = "") -> Inspection:
    """Looks into the model of a run, on sequences that were neither trained nor tested on.

    `length`: of the sequences; the longest trained one by default. `sequence`: the one that is shown, in the task's own
    symbols. Raises UsageError for a run without weights, without finite ones, or for a sequence with unknown symbols.
    """
    spec = record.spec
    if weights is None:
        raise UsageError(
            f"Run {record.identity} has no weights: it ended with status {record.status!r}, or ran with --keep-weights "
            f"none. Run it again: harness retry, or the line that harness show {record.identity} ends with."
        )
    model, task = trained_model(spec, weights), build_task(spec.task, spec.task_options)
    broken = [name for name, parameter in model.named_parameters() if not parameter.isfinite().all()]
    if broken:
        raise UsageError(f"The weights of run {record.identity} are not finite ({broken[0]}): nothing can be read off.")
    length = length or spec.length
    untrained = converted(build_model(spec, task), spec.precision).eval()
    batch = next(batches(task, spec.seed, "probe", length, [_GRADIENT_ROWS]))
    left_out: dict[str, str] = {}
    state = _state_by_lag(model, batch, left_out)
    probed = next(batches(task, spec.seed + 1, "probe", length, [_rows(batch)]))
    states = _states(model, probed, left_out)
    shown = as_batch(task, sequence) if sequence else rows_of(batch, torch.tensor([0]))
    scores = record.scores.get(length)
    return Inspection(
        identity=record.identity,
        label=spec.label or spec.architecture,
        task_label=spec.task_label or spec.task,
        length=length,
        seed=spec.seed,
        accuracy=scores.accuracy if scores else None,
        chance=record.chances.get(length),
        start=gradient_by_lag(untrained, batch),
        trained=gradient_by_lag(model, batch),
        state=state,
        state_at_start=_state_by_lag(untrained, batch, {}) if state else None,
        decoded=_decoded(task, probed, states, left_out),
        shown=shown_sequence(model, task, shown, typed=bool(sequence)),
        internals=_internals(model, probed, shown),
        time_scales=_time_scales(model, probed),
        followers=_followers(model, task, probed, states, shown, left_out),
        gradient_norms=[(point.step, point.gradient_norm) for point in record.curve],
        left_out=left_out,
    )


def _rows(batch: Batch) -> int:
    return max(_LEAST_PROBE_ROWS, min(_PROBE_ROWS, _TOKENS // batch.inputs.shape[1]))


def _state_by_lag(model: Model, batch: Batch, left_out: dict[str, str]) -> StateByLag | None:
    try:
        return state_by_lag(model, batch.inputs)
    except ValueError as error:
        left_out["state by lag"] = str(error)
        return None


def _states(model: Model, batch: Batch, left_out: dict[str, str]) -> Tensor:
    """What is probed, (sequences, time, units): the state after each step; the outputs of a model without one."""
    architecture = model.architecture
    with torch.no_grad():
        seen = Architecture.observe(architecture, model.embed(batch.inputs), None, batch.lengths)
    hidden = seen.pop("hidden")
    states = [part.float() for part in seen.values()]
    width = sum(part.shape[-1] for part in states)
    if not states:
        left_out.setdefault("states", "there is no state: the outputs are probed instead")
        return hidden.float()
    if width > _MOST_UNITS:
        left_out["states"] = f"the state has {width:,} numbers: the outputs are probed instead"
        return hidden.float()
    return torch.cat(states, dim=-1)


def _decoded(task: Task, batch: Batch, states: Tensor, left_out: dict[str, str]) -> DecodedByStep | None:
    remembered = task.remembered(batch)
    if remembered is None:
        left_out["decoding"] = "the task does not say what is to be remembered"
        return None
    return decoded_by_step(states, remembered)


def _internals(model: Model, batch: Batch, shown: Batch) -> dict[str, list[list[float]]]:
    """Heat maps, units x time, of what the architecture shows of itself."""
    some = batch.inputs[:_GRADIENT_ROWS]
    with torch.no_grad():
        many = model.architecture.observe(model.embed(some))
        one = model.architecture.observe(model.embed(shown.inputs))
    steps = shown.inputs.shape[1] if shown.lengths is None else int(shown.lengths[0])  # what follows is padding
    found = {}
    for name, values in one.items():
        order = slowest_first(many[name].float())[:_SHOWN_UNITS]
        found[name] = values[0, :steps, order].T.float().tolist()
    return found


def _time_scales(model: Model, batch: Batch) -> list[float]:
    with torch.no_grad():
        seen = model.architecture.observe(model.embed(batch.inputs[:_GRADIENT_ROWS]))
    return time_scales(seen[_FORGET]) if _FORGET in seen else []


def _followers(
    model: Model, task: Task, batch: Batch, states: Tensor, shown: Batch, left_out: dict[str, str]
) -> list[Follower]:
    features = task.features(batch)
    if not features:
        left_out["units"] = "the task names no features that a unit could follow"
        return []
    steps = batch.inputs.shape[1]
    lengths = torch.full((len(batch.inputs),), steps) if batch.lengths is None else batch.lengths
    valid = torch.arange(steps) < lengths[:, None]
    of_shown = _states(model, shown, {})[0]
    return followers(states, features, valid, of_shown, {k: v[0] for k, v in task.features(shown).items()})
