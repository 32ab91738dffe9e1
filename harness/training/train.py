"""Training by Lightning: the loop over steps, and the monitor that gathers losses, validates, reports and stops."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor

from harness.errors import DivergedError
from harness.process.rng import seed_all
from harness.record import CurvePoint, Progress
from harness.spec import RunSpec
from harness.task import Batch, Task
from harness.training.data import TrainingSet, batches, training_set
from harness.training.evaluate import evaluate, score
from harness.training.model import Model
from harness.training.seeds import derive_seed
from harness.training.step import TrainingStep
from harness.training.tbptt import Piece, pieces

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # it advertises otherwise
warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*")

_SECONDS_BETWEEN_REPORTS = 0.25

OnProgress = Callable[[Progress], None]
"""Called a few times a second with how far a run has come; what it raises ends the run."""


@dataclass
class Training:
    """What a training leaves behind; filled while it goes on, so that a broken one leaves what it had."""

    curve: list[CurvePoint] = field(default_factory=list)
    steps: int = 0
    steps_to_solve: int | None = None
    seconds: float = 0.0
    tokens_per_second: float = 0.0


def train(
    model: Model, task: Task, spec: RunSpec, device: torch.device, result: Training, on_progress: OnProgress
) -> None:
    """Trains until solved or out of steps; raises DivergedError, KeyboardInterrupt, or what `on_progress` raises.

    Lightning gets the whole stream of batches as one batch, again and again, and each call of `training_step` takes as
    many steps as fit between two reports: Lightning's hooks cost a millisecond a call, as much as a short step.
    The precision is that of TrainingStep, so that Lightning converts nothing.
    """
    step = TrainingStep(model, spec, device)
    fixed = training_set(task, spec)
    monitor = _Monitor(step, task, fixed, result, on_progress)
    trainer = pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=1,
        plugins=[LightningEnvironment()],  # or it takes a run inside a scheduler's job for one of several processes
        max_epochs=-1,  # the monitor ends the training
        callbacks=[monitor],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    seed_all(derive_seed(spec.seed, "order"))  # dropout draws from the global generator
    with _interruptible(monitor):
        trainer.fit(_Loop(step, monitor), train_dataloaders=repeat(_stream(task, spec, fixed)))


def _stream(task: Task, spec: RunSpec, fixed: TrainingSet | None) -> Iterator[Batch] | Iterator[Piece]:
    """What each optimizer step takes, made as it is needed: a whole batch, or a piece of one where a spec cuts them."""
    endless = fixed.epochs() if fixed else batches(task, spec.seed, "train", spec.trained, repeat(spec.batch_size))
    whole = islice(endless, spec.steps)
    if spec.tbptt:
        return islice(pieces(whole, spec.tbptt), spec.steps)
    return whole


class _Loop(pl.LightningModule):
    """One optimizer step for each batch, or piece of one."""

    def __init__(self, step: TrainingStep, monitor: _Monitor) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.step, self.monitor = step.model, step, monitor

    def training_step(self, stream: Iterator[Batch] | Iterator[Piece], _: int) -> None:
        for batch in stream:
            loss = self.step(batch)
            self.monitor.note(batch, loss)
            if self.monitor.is_due():
                return

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.step.optimizer


class _Monitor(pl.Callback):
    """Gathers losses, validates, reports progress, and ends the run when it is solved, out of steps or has diverged."""

    def __init__(
        self, step: TrainingStep, task: Task, fixed: TrainingSet | None, result: Training, on_progress: OnProgress
    ) -> None:
        self.step, self.spec, self.task, self.fixed = step, step.spec, task, fixed
        self.result, self.on_progress = result, on_progress
        self.losses: list[Tensor] = []
        self.norms: list[Tensor] = []  # of the gradients, before clipping
        self.stopped_by: BaseException | None = None
        self.seconds_validating = 0.0
        self.tokens = 0
        self.started = self.last_report = time.perf_counter()  # an error may come before training begins

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.started = self.last_report = time.perf_counter()

    def note(self, batch: Batch | Piece, loss: Tensor) -> None:
        """Counts an optimizer step; its loss stays on the device until the next validation or report."""
        self.result.steps += 1
        self.losses.append(loss)
        self.norms.append(self.step.gradient_norm)
        parts = (batch,) if isinstance(batch, Batch) else (chunk.batch for chunk in batch)
        self.tokens += sum(part.inputs.shape[0] * part.inputs.shape[1] for part in parts)

    def is_due(self) -> bool:
        """Whether it is time to validate or to report."""
        return self._validates() or time.perf_counter() - self.last_report >= _SECONDS_BETWEEN_REPORTS

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, out: Any, batch: Any, index: int) -> None:
        if self._validates():
            self._validate()
            trainer.should_stop = self._solved() or self.result.steps >= self.spec.steps
        now = time.perf_counter()
        if now - self.last_report >= _SECONDS_BETWEEN_REPORTS:
            self._report(now)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self.stopped_by = exception
        self._measure()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._measure()

    def _validates(self) -> bool:
        return self.result.steps % self.spec.validate_every == 0 or self.result.steps == self.spec.steps

    def _validate(self) -> None:
        """Adds a point to the learning curve; raises DivergedError."""
        losses = torch.stack(self.losses).double().cpu()  # waits for the device: that is training time
        norm = torch.stack(self.norms).double().mean().item()
        begun = time.perf_counter()
        self.losses.clear()
        self.norms.clear()
        if not losses.isfinite().all():
            bad = int((~losses.isfinite()).nonzero()[0])
            step = self.result.steps - len(losses) + bad + 1
            raise DivergedError(f"the loss became {losses[bad].item()} at step {step}")
        spec = self.spec
        scores = evaluate(
            self.step.model,
            self.task,
            spec.seed,
            "validation",
            spec.trained,
            spec.validation_sequences,
            self.step.device,
            spec.precision,
        )
        if not math.isfinite(scores.loss):
            raise DivergedError(f"the validation loss became {scores.loss} at step {self.result.steps}")
        point = CurvePoint(
            step=self.result.steps,
            train_loss=losses.mean().item(),
            validation_loss=scores.loss,
            validation_accuracy=scores.accuracy,
            lr=self.step.lr,
            gradient_norm=norm,
            train_accuracy=self._train_accuracy(),
        )
        self.result.curve.append(point)
        self.seconds_validating += time.perf_counter() - begun

    def _train_accuracy(self) -> float | None:
        """On as many sequences of the fixed training set as a validation has; None where each batch is new."""
        if self.fixed is None:
            return None
        stream = self.fixed.first(self.spec.validation_sequences)
        return score(self.step.model, self.task, stream, self.step.device, self.spec.precision).accuracy

    def _solved(self) -> bool:
        """Whether to stop because the task is solved.

        Two validations in a row must reach the threshold, since one may be luck; `steps_to_solve` is the first of them.
        Training goes on until two are half-way from the threshold to perfection: a model that stops at the threshold is
        below it on test data half of the time.
        """
        last = [point.validation_accuracy for point in self.result.curve[-2:]]
        if len(last) < 2 or min(last) < self.task.solved_at:
            return False
        if self.result.steps_to_solve is None:
            self.result.steps_to_solve = self.result.curve[-2].step
        return min(last) >= (1 + self.task.solved_at) / 2

    def _report(self, now: float) -> None:
        self.last_report = now
        self._measure()
        curve = self.result.curve
        loss = self.losses[-1].item() if self.losses else curve[-1].train_loss
        accuracy = curve[-1].validation_accuracy if curve else None
        validations = tuple((point.step, point.validation_accuracy) for point in curve)
        self.on_progress(Progress(self.result.steps, loss, accuracy, self.result.tokens_per_second, validations))

    def _measure(self) -> None:
        self.result.seconds = time.perf_counter() - self.started
        self.result.tokens_per_second = self.tokens / max(self.result.seconds - self.seconds_validating, 1e-9)


@contextmanager
def _interruptible(monitor: _Monitor) -> Iterator[None]:
    """Gives Ctrl-C back its meaning: Lightning turns it into SystemExit and ignores it from then on."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if isinstance(monitor.stopped_by, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)
