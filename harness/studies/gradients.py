"""How far back the gradients of trained models reach, where an expectation is about it: measured once for each run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from harness.inspection.gradients import gradient_by_lag
from harness.inspection_record import GradientByLag
from harness.record import Record
from harness.studies.metrics import GRADIENTS
from harness.studies.question import Study
from harness.tracking.inspections import write_gradients
from harness.tracking.store import Store
from harness.tracking.sweep_status import find_run
from harness.training.build import build_model, build_task
from harness.training.data import batches
from harness.training.device import computing
from harness.training.precision import converted
from harness.training.weights import trained_model

_ROWS = 64  # sequences, which were neither trained nor tested on


def with_gradients(store: Store, study: Study, sweep: str, records: Iterable[Record]) -> list[Record]:
    """The records of a sweep, with `gradients` where the study asks for them; what is new is added to the store."""
    sides = [side for expected in study.expectations for side in expected.sides]
    asked = {(label, where.task) for label, where in sides if where.sweep == sweep and where.metric in GRADIENTS}

    def is_meant(record: Record) -> bool:
        spec = record.spec
        return bool(asked & {(spec.label, ""), (spec.label, spec.task_label)})

    return [
        _measured(store, one) if one.status == "ok" and not one.gradients and is_meant(one) else one for one in records
    ]


def _measured(store: Store, record: Record) -> Record:
    """The same record where its run left no weights."""
    run_id, _ = find_run(store, record.identity or record.spec.identity)
    weights = store.weights(run_id)
    if weights is None:
        return record
    with computing(torch.device("cpu")):
        found = gradients_of(record, weights)
    write_gradients(store, run_id, found)
    return replace(record, gradients=found)


def gradients_of(record: Record, weights: bytes) -> dict[str, float]:
    """Steps that the gradient reaches back, and the share of it that is left at the longest lag; also at the start."""
    spec = record.spec
    task = build_task(spec.task, spec.task_options)
    batch = next(batches(task, spec.seed, "probe", spec.length, [_ROWS]))
    untrained = converted(build_model(spec, task), spec.precision).eval()
    after, before = gradient_by_lag(trained_model(spec, weights), batch), gradient_by_lag(untrained, batch)
    return {**_numbers(after, ""), **_numbers(before, "_at_start")}


def _numbers(found: GradientByLag, suffix: str) -> dict[str, float]:
    left = found.left(max(found.lags))
    return {f"reach{suffix}": float(found.reach)} | ({} if left is None else {f"left{suffix}": left})
