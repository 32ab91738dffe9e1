"""One run, from spec to record. Read this first: everything else is called from here, or calls it."""

from __future__ import annotations

import time
import traceback

import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from harness.discovery.compose import refuse_other_code
from harness.discovery.plugin_errors import describe_error
from harness.errors import DivergedError, HarnessError, RefusedError, StoppedError
from harness.process.state import preserve_state
from harness.record import Record, Status
from harness.spec import RunSpec
from harness.task import Batch
from harness.training.build import build_model, build_task, know_task, refuse_other_data
from harness.training.device import computing, environment
from harness.training.evaluate import evaluate
from harness.training.execution import kernel, refuse_execution
from harness.training.loops.used import forget
from harness.training.model import Model, count_parameters, state_size
from harness.training.precision import refuse_precision
from harness.training.sanity import probe_batch, refuse_unfit
from harness.training.train import OnProgress, Training, train
from harness.training.weights import kept_weights


def run(spec: RunSpec, device: torch.device, on_progress: OnProgress = lambda progress: None) -> Record:
    """Trains and tests one model; whatever happens becomes a record, Ctrl-C too (status 'interrupted')."""
    record = Record(spec, began=time.time())
    with computing(device), preserve_state() as record.notes:
        record.environment = environment(device)
        forget()
        try:
            _run(spec, device, on_progress, record)
            record.status = "ok"
        except BaseException as error:
            record.status, record.reason = outcome(error)
            if record.status == "error":
                record.traceback = traceback.format_exc()
        record.environment["kernel"] = kernel(spec, device)
    record.ended = time.time()
    return record


def _run(spec: RunSpec, device: torch.device, on_progress: OnProgress, record: Record) -> None:
    refuse_precision(spec.precision, device)
    refuse_execution(spec, device)
    refuse_other_code(spec)
    task = build_task(spec.task, spec.task_options)
    refuse_other_data(spec, task)
    know_task(record, task)
    model = build_model(spec, task).to(device)
    with preserve_state():  # what the first calls of the model change of the process should not reach its training
        batch = probe_batch(task, spec, device)
        refuse_unfit(model, task, spec, batch)
        _describe(model, batch, record)

    training = Training()
    try:
        train(model, task, spec, device, training, on_progress)
    finally:
        _keep(training, record)
    record.weights = kept_weights(model, spec.keep_weights)
    if spec.test_sequences:  # a trial of a search does not see test data
        for length in spec.tested:
            scores = evaluate(model, task, spec.seed, "test", length, spec.test_sequences, device, spec.precision)
            record.scores[length] = scores


def outcome(error: BaseException) -> tuple[Status, str]:
    """The status and the one-line reason that an exception stands for."""
    if isinstance(error, (KeyboardInterrupt, SIGTERMException)):
        return "interrupted", "by Ctrl-C or a signal"
    if isinstance(error, StoppedError):
        return "pruned", "stopped: the search had seen enough of it"
    if isinstance(error, RefusedError):
        return "refused", str(error)
    if isinstance(error, DivergedError):
        return "diverged", str(error)
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error):
        return "out_of_memory", describe_error(error)
    return "error", str(error) if isinstance(error, HarnessError) else describe_error(error)


def _describe(model: Model, batch: Batch, record: Record) -> None:
    parts = {"embedding": model.embedding, "architecture": model.architecture, "head": model.head}
    record.parameters = {name: count_parameters(part) for name, part in parts.items()}
    record.steps_per_sequence = batch.inputs.shape[1]
    with torch.no_grad():
        record.state_size = state_size(model(batch.inputs, batch.lengths)[1])


def _keep(training: Training, record: Record) -> None:
    record.curve, record.steps, record.steps_to_solve = training.curve, training.steps, training.steps_to_solve
    record.seconds, record.tokens_per_second = training.seconds, training.tokens_per_second
