"""Training by Lightning: the module, the stream of batches, the watch that gathers, validates and stops."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from harness.errors import DivergedError
from harness.process.rng import seed_all
from harness.record import CurvePoint, Progress
from harness.spec import RunSpec
from harness.task import Batch, Task
from harness.training.data import batches, to_device
from harness.training.evaluate import evaluate
from harness.training.execution import loss_of
from harness.training.model import Model
from harness.training.optimizer import make_optimizer
from harness.training.seeds import derive_seed
from harness.training.tbptt import Carried, Piece, pieces

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # it advertises otherwise
warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*")

_SECONDS_BETWEEN_LOOKS = 0.25


Watcher = Callable[[Progress], None]


@dataclass
class Training:
    """What a training leaves behind; filled while it goes on, so that a broken one leaves what it had."""

    curve: list[CurvePoint] = field(default_factory=list)
    steps: int = 0
    steps_to_solve: int | None = None
    seconds: float = 0.0
    tokens_per_second: float = 0.0


def train(model: Model, task: Task, spec: RunSpec, device: torch.device, result: Training, watch: Watcher) -> None:
    """Trains until solved or out of steps; raises DivergedError, KeyboardInterrupt, or what `watch` raises."""
    keeper = _Keeper(model, task, spec, device, result, watch)
    trainer = pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=1,
        max_steps=spec.steps,
        precision=_PRECISION[spec.precision],
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.precision_plugin.train_step_context = nullcontext  # type: ignore  # see _Module._loss
    seed_all(derive_seed(spec.seed, "order"))  # dropout draws from the global generator
    with _interruptible(keeper):
        trainer.fit(_Module(model, spec, keeper), train_dataloaders=repeat(_stream(task, spec)))


_PRECISION: dict[str, Any] = {"32": "32-true", "64": "64-true", "bf16-mixed": "bf16-mixed", "16-mixed": "16-mixed"}


def _stream(task: Task, spec: RunSpec) -> Iterator[Batch] | Iterator[Piece]:
    """What each optimizer step takes, made as it is needed: a whole batch, or a piece of one where a spec cuts them."""
    whole = batches(task, spec.seed, "train", spec.length, repeat(spec.batch_size, spec.steps))
    return islice(pieces(whole, spec.tbptt), spec.steps) if spec.tbptt else whole


class _Module(pl.LightningModule):
    """One optimizer step per batch, or per piece of one; losses stay on the device until somebody looks.

    A call takes all the steps until then: Lightning's hooks cost a millisecond a call, as much as a short step.
    """

    def __init__(self, model: Model, spec: RunSpec, keeper: _Keeper) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.spec, self.keeper = model, spec, keeper
        self.whole, self.carried = loss_of(model, spec.execution), Carried(model)

    def training_step(self, stream: Iterator[Batch] | Iterator[Piece], _: int) -> None:
        optimizer = cast(LightningOptimizer, self.optimizers())
        for batch in stream:
            loss = self._loss(batch)
            optimizer.zero_grad()
            self._backward(loss)
            optimizer.step()
            if self.keeper.stepped(batch, loss.detach()):
                return

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.spec.clip:  # here 16-mixed has taken its scale out of the gradients
            clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], self.spec.clip)

    def _backward(self, loss: Tensor) -> None:
        """Lightning's own where there is a scale: its hooks, which nobody hears, cost as much as a small operation."""
        if self.spec.precision == "16-mixed":
            self.manual_backward(loss)
        else:
            loss.backward()  # type: ignore[no-untyped-call]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.model, self.spec)

    def _loss(self, batch: Batch | Piece) -> Tensor:
        """In the arithmetic of the run's precision, which is not that of making data, nor of backward."""
        with self.trainer.precision_plugin.forward_context():
            if isinstance(batch, Batch):
                return self.whole(to_device(batch, self.device))
            return self.carried.loss(tuple(chunk.to(self.device) for chunk in batch))


class _Keeper(pl.Callback):
    """Gathers losses, validates, reports progress, and ends the run when it is solved or has diverged."""

    def __init__(
        self, model: Model, task: Task, spec: RunSpec, device: torch.device, result: Training, watch: Watcher
    ) -> None:
        self.model, self.task, self.spec, self.device = model, task, spec, device
        self.result, self.watch = result, watch
        self.losses: list[Tensor] = []
        self.stopped_by: BaseException | None = None
        self.validating = 0.0
        self.tokens = 0
        self.started = self.last_look = time.perf_counter()  # an error may come before training begins

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.started = self.last_look = time.perf_counter()

    def stepped(self, batch: Batch | Piece, loss: Tensor) -> bool:
        """Notes an optimizer step; whether it is time to validate or to look."""
        self.result.steps += 1
        self.losses.append(loss)
        parts = (batch,) if isinstance(batch, Batch) else (chunk.batch for chunk in batch)
        self.tokens += sum(part.inputs.shape[0] * part.inputs.shape[1] for part in parts)
        return self._validates() or time.perf_counter() - self.last_look >= _SECONDS_BETWEEN_LOOKS

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, out: Any, batch: Any, index: int) -> None:
        if self._validates():
            self._gather()
            trainer.should_stop = self._solved()
        now = time.perf_counter()
        if now - self.last_look >= _SECONDS_BETWEEN_LOOKS:
            self._look(now)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self.stopped_by = exception
        self._measure()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._measure()

    def _validates(self) -> bool:
        return self.result.steps % self.spec.validate_every == 0 or self.result.steps == self.spec.steps

    def _gather(self) -> None:
        """One point of the learning curve; raises DivergedError."""
        losses = torch.stack(self.losses).double().cpu()  # waits for the device: that is training time
        begun = time.perf_counter()
        self.losses.clear()
        if not losses.isfinite().all():
            bad = int((~losses.isfinite()).nonzero()[0])
            raise DivergedError(
                f"the loss became {losses[bad].item()} at step {self.result.steps - len(losses) + bad + 1}"
            )
        scores = evaluate(
            self.model, self.task, self.spec.seed, "validation", self.spec.length, self.spec.validation_sequences,
            self.device, self.spec.precision,
        )  # fmt: skip
        if not math.isfinite(scores.loss):
            raise DivergedError(f"the validation loss became {scores.loss} at step {self.result.steps}")
        self.result.curve.append(CurvePoint(self.result.steps, losses.mean().item(), scores.loss, scores.accuracy))
        self.validating += time.perf_counter() - begun

    def _solved(self) -> bool:
        """Whether to stop. Two validations in a row count, since one may be luck; `steps_to_solve` is the first of two
        over the threshold. Training goes on until two are half-way from there to perfection: a model stopped right at
        the threshold would be under it on test data half of the time."""
        last = [point.validation_accuracy for point in self.result.curve[-2:]]
        if len(last) < 2 or min(last) < self.task.solved_at:
            return False
        if self.result.steps_to_solve is None:
            self.result.steps_to_solve = self.result.curve[-2].step
        return min(last) >= (1 + self.task.solved_at) / 2

    def _look(self, now: float) -> None:
        self.last_look = now
        self._measure()
        loss = self.losses[-1].item() if self.losses else self.result.curve[-1].train_loss
        accuracy = self.result.curve[-1].validation_accuracy if self.result.curve else None
        validations = tuple((point.step, point.validation_accuracy) for point in self.result.curve)
        self.watch(Progress(self.result.steps, loss, accuracy, self.result.tokens_per_second, validations))

    def _measure(self) -> None:
        self.result.seconds = time.perf_counter() - self.started
        self.result.tokens_per_second = self.tokens / max(self.result.seconds - self.validating, 1e-9)


@contextmanager
def _interruptible(keeper: _Keeper) -> Iterator[None]:
    """Gives Ctrl-C back its meaning: Lightning turns it into SystemExit and ignores it from then on."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if isinstance(keeper.stopped_by, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)
