"""Contract: what a task is. It samples whole batches; the core chooses lengths, seeds and splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Generator, Tensor

Split = Literal["train", "validation", "test", "probe"]


@dataclass(frozen=True)
class Tokens:
    """Inputs are symbols 0 .. size-1, int64 of shape (batch, time); the core feeds them one-hot."""

    size: int


@dataclass(frozen=True)
class Vectors:
    """Inputs or targets are real vectors, float32 of shape (batch, time, size).

    As targets they are learned by squared error; a step is right when every entry is within `tolerance`.
    """

    size: int
    tolerance: float = 0.0


@dataclass(frozen=True)
class Classes:
    """Targets are classes 0 .. size-1, learned by cross-entropy.

    int64 of shape (batch, time); with `entries` > 1, several questions at each step, (batch, time, entries).
    """

    size: int
    entries: int = 1


class Batch(NamedTuple):
    """A batch of sequences, each of at most `time` steps.

    For a task with readout "last" targets and masks have one step (time = 1): the answer read after each row's last
    valid step.
    """

    inputs: Tensor  # (batch, time) or (batch, time, size), as the task's `inputs` says
    targets: Tensor  # (batch, time), (batch, time, entries) or (batch, time, size), as `targets` says
    mask: Tensor  # bool (batch, time): the steps that need memory; the accuracy is over these
    lengths: Tensor | None = None  # int64 (batch,): valid steps of each row, on the CPU; None: all
    loss_mask: Tensor | None = None  # bool (batch, time): the steps in the loss, where they differ from `mask`
    starts: Tensor | None = None  # bool (batch,): rows that begin anew (None: all); with --tbptt others continue


class Task(ABC):
    """A family of sequences with a difficulty axis, `length`; keyword-only constructor arguments are its options."""

    reference: ClassVar[str] = ""  # the paper
    min_length: ClassVar[int] = 1  # shortest length that makes sense
    default_lengths: ClassVar[tuple[int, ...]] = (10, 20, 50, 100)  # where the user gives none

    solved_at: float = 0.99  # accuracy from which a length counts as solved
    inputs: Tokens | Vectors
    targets: Classes | Vectors
    readout: Literal["each", "last"] = "each"
    needs_causal: bool = False  # a model that sees the future would be given the answer
    data: str = ""  # digest of what sequences are cut from, where that comes from outside: part of a run's identity

    @abstractmethod
    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch drawn from `generator` alone: the same generator state gives the same batch."""

    def sample_from(self, split: Split, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch of one split. Generators differ by split already; override where held-out data must lie apart."""
        return self.sample(generator, batch_size, length)

    @abstractmethod
    def chance(self, length: int) -> float:
        """Accuracy, 0 to 1, of the best predictor that has no memory of earlier steps."""
