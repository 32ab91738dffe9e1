"""Training by Lightning: the module, the stream of batches, the watch that gathers, validates and stops."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from harness.errors import Refused, unknown
from harness.evaluate import batches, evaluate, to_device
from harness.generators import seed_all
from harness.model import Model
from harness.record import CurvePoint, Progress
from harness.seeds import derive_seed
from harness.spec import RunSpec
from harness.task import Batch, Task
from harness.truncated import Carried, Piece, pieces

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # it advertises otherwise
warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*")

_SECONDS_BETWEEN_LOOKS = 0.25


class Diverged(Exception):  # noqa: N818
    """Loss or parameters became NaN or infinite."""


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
    """Trains until solved or until the step budget is spent; raises Diverged, KeyboardInterrupt, what `watch` does."""
    keeper = _Keeper(model, task, spec, device, result, watch)
    trainer = pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=1,
        max_steps=spec.steps,
        precision=_PRECISION[spec.precision],
        gradient_clip_val=spec.clip or None,
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    seed_all(derive_seed(spec.seed, "order"))  # dropout draws from the global generator
    with _interruptible(keeper):
        trainer.fit(_Module(model, spec, keeper.losses), train_dataloaders=_Stream(task, spec))


_PRECISION: dict[str, Any] = {"32": "32-true", "64": "64-true", "bf16-mixed": "bf16-mixed", "16-mixed": "16-mixed"}


class _Stream:
    """What each optimizer step takes, made as it is needed: a whole batch, or a piece of one where a spec cuts them."""

    def __init__(self, task: Task, spec: RunSpec) -> None:
        self.task, self.spec = task, spec

    def __iter__(self) -> Iterator[Batch] | Iterator[Piece]:
        spec = self.spec
        whole = batches(self.task, spec.seed, "train", spec.length, repeat(spec.batch_size, spec.steps))
        return islice(pieces(whole, spec.tbptt), spec.steps) if spec.tbptt else whole


class _Module(pl.LightningModule):
    """One optimizer step per batch, or per piece of one; losses stay on the device until somebody looks."""

    def __init__(self, model: Model, spec: RunSpec, losses: list[Tensor]) -> None:
        super().__init__()
        self.model, self.spec, self.losses, self.carried = model, spec, losses, Carried(model)

    def training_step(self, batch: Batch | Piece, _: int) -> Tensor:
        loss = self.model.loss(batch) if isinstance(batch, Batch) else self.carried.loss(batch)
        self.losses.append(loss.detach())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.model, self.spec)

    def transfer_batch_to_device(self, batch: Batch | Piece, device: torch.device, _: int) -> Batch | Piece:
        return to_device(batch, device) if isinstance(batch, Batch) else tuple(chunk.to(device) for chunk in batch)


def make_optimizer(model: Model, spec: RunSpec) -> torch.optim.Optimizer:
    """The optimizer of a spec, with the architecture's own parameter groups."""
    groups: dict[str, dict[str, Any]] = {}  # those that differ in nothing are one: an optimizer step costs by group
    own_groups = [{**group, "params": _parameters(group)} for group in model.architecture.parameter_groups()]
    _refuse_part_of_them(model.architecture, own_groups)
    frame = {"params": [*model.embedding.parameters(), *model.head.parameters()]}
    for group in [frame, *own_groups]:
        settings = {key: value for key, value in group.items() if key != "params"}
        settings["lr"] = spec.lr * settings.pop("lr_scale", 1.0)
        groups.setdefault(repr(sorted(settings.items())), {"params": [], **settings})["params"] += group["params"]
    kind = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}[spec.optimizer]
    own: dict[str, Any] = {"betas": (0.9, spec.beta2)} if spec.optimizer.startswith("adam") else {}
    if spec.optimizer != "rmsprop" and "mixed" not in spec.precision:
        own["fused"] = True  # 2.6 times as fast a step on a CPU; Lightning cannot clip with it in mixed precision
    optimizer: torch.optim.Optimizer = getattr(torch.optim, kind)(groups.values(), lr=spec.lr, **own)
    _refuse_unknown_settings(own_groups, {"params", "lr_scale", *optimizer.defaults} - {"lr"})
    return optimizer


def _parameters(group: dict[str, Any]) -> list[Tensor]:
    """Those of a group, which may name them by an iterator or be of a single one."""
    found = group.get("params", [])
    return [found] if isinstance(found, Tensor) else list(found)


def _refuse_part_of_them(architecture: nn.Module, groups: list[dict[str, Any]]) -> None:
    """Every trainable parameter must be in exactly one group: one in none would keep its first value unnoticed."""
    times = Counter(id(parameter) for group in groups for parameter in group["params"])
    names = {id(parameter): name for name, parameter in architecture.named_parameters() if parameter.requires_grad}
    forgotten = [name for key, name in names.items() if key not in times]
    twice = [names.get(key, "a frozen or foreign one") for key, number in times.items() if number > 1]
    for wrong, what in ((forgotten, "leaves out"), (twice, "lists more than once")):
        if wrong:
            shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
            raise Refused(f"parameter_groups() {what} {shown}: every parameter belongs in exactly one group.")


def _refuse_unknown_settings(groups: list[dict[str, Any]], known: set[str]) -> None:
    for name in (name for group in groups for name in group):
        if name not in known:
            raise Refused(f"parameter_groups(): {unknown('setting of a group', name, known)}")


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

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, out: Any, batch: Any, index: int) -> None:
        self.result.steps = index + 1
        parts = (batch,) if isinstance(batch, Batch) else (chunk.batch for chunk in batch)
        self.tokens += sum(part.inputs.shape[0] * part.inputs.shape[1] for part in parts)
        if self.result.steps % self.spec.validate_every == 0 or self.result.steps == self.spec.steps:
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

    def _gather(self) -> None:
        """One point of the learning curve; raises Diverged."""
        losses = torch.stack(self.losses).double().cpu()  # waits for the device: that is training time
        begun = time.perf_counter()
        self.losses.clear()
        if not losses.isfinite().all():
            bad = int((~losses.isfinite()).nonzero()[0])
            raise Diverged(f"the loss became {losses[bad].item()} at step {self.result.steps - len(losses) + bad + 1}")
        scores = evaluate(
            self.model, self.task, self.spec.seed, "validation", self.spec.length, self.spec.validation_sequences,
            self.device, self.spec.precision,
        )  # fmt: skip
        if not math.isfinite(scores.loss):
            raise Diverged(f"the validation loss became {scores.loss} at step {self.result.steps}")
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
