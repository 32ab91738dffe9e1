"""Contract: what a task is. It samples whole batches; the core chooses lengths, seeds and splits."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Generator, Tensor

Split = Literal["train", "validation", "test", "probe"]


@dataclass(frozen=True)
class Tokens:
    """Inputs are symbols 0 .. size-1, int64 of shape (batch, time).

    The core feeds them one-hot, or, with `embed`, through a learned embedding of that many dimensions.
    """

    size: int
    embed: int | None = None


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
    fed: Tensor | None = None  # bool (batch, time): inputs that are the answer of the step before; see Task.feedback


class Task(ABC):
    """A family of sequences with a difficulty axis, `length`. Constructor arguments with a default are its options.

    A constructor refuses options with a ValueError that gives the rule and the values; `refuse_unknown` makes one for a
    value that is none of a list.
    """

    reference: ClassVar[str] = ""  # the paper
    min_length: int = 1  # shortest length that makes sense
    default_lengths: tuple[int, ...] = (10, 20, 50, 100)  # where the user gives none

    accuracy_over: Literal["steps", "sequences"] = "steps"  # sequences: one counts only if every scored step is right
    solved_at: float = 0.99  # accuracy from which a length counts as solved
    inputs: Tokens | Vectors
    targets: Classes | Vectors
    readout: Literal["each", "last"] = "each"
    feedback: Literal["none", "forced", "own"] = "none"
    """Whether some inputs, those that a batch marks as `fed`, are the answer of the step before: in training the right
    one ("forced": teacher forcing) or the model's own ("own"); in evaluation always the model's own."""
    needs_causal: bool = False  # a model that sees the future would be given the answer
    chance_is: str = ""  # what the predictor behind `chance` does, in a few words, where that needs saying
    few_sequences: bool = False  # so few exist at a length that the splits share them: only other lengths are new data
    data: str = ""  # digest of what sequences are cut from, where that comes from outside: part of a run's identity
    input_symbols: Sequence[str] = ()  # a short text for each input symbol, for people; (): the numbers
    input_aliases: Mapping[str, str] = {}  # other texts that a person may type for an input symbol
    target_symbols: Sequence[str] = ()  # a short text for each class of the targets, for people; (): the numbers
    entry_symbols: Sequence[str] = ()  # a short text for each of several entries of a target; (): the numbers

    @abstractmethod
    def sample(self, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch drawn from `generator` alone: the same generator state gives the same batch."""

    def sample_from(self, split: Split, generator: Generator, batch_size: int, length: int) -> Batch:
        """A batch of one split. Generators differ by split already; override where held-out data must lie apart."""
        return self.sample(generator, batch_size, length)

    @abstractmethod
    def chance(self, length: int) -> float:
        """Accuracy, 0 to 1, of the best predictor that has no memory of earlier steps."""

    def refuse_length(self, length: int) -> None:
        """Raises ValueError, with the rule, for a length that the task cannot make; asked before anything is trained.

        Override where more than `min_length` decides, and call this one too.
        """
        if length < self.min_length:
            raise ValueError(f"takes lengths from {self.min_length}, got {length}")

    def remembered(self, batch: Batch) -> Tensor | None:
        """What a perfect memory holds after each step: what inspection decodes from a model's state.

        Classes from 0, and -1 where nothing is asked: int64 of shape (batch, time), or (batch, time, items) where
        several things are held; time is that of the inputs. None where there is no such thing. Default: the targets, at
        every step with readout "last", at the scored steps with readout "each"; None for targets that are real vectors.
        """
        if isinstance(self.targets, Vectors):
            return None
        valid = batch.mask
        if self.readout == "last":
            steps = batch.inputs.shape[1]
            ends = torch.full((len(batch.inputs),), steps) if batch.lengths is None else batch.lengths
            valid = torch.arange(steps) < ends[:, None]
        asked = valid if batch.targets.dim() == 2 else valid[:, :, None]
        return torch.where(asked, batch.targets, -1)

    def features(self, batch: Batch) -> dict[str, Tensor]:
        """Named quantities that a unit may follow, float32 of shape (batch, time), finite: inspection looks for them.

        For example how many brackets are open, or 1 where the answer is asked for. The names do not depend on the batch
        or its length. Steps beyond a row's length are not looked at. Default: none.
        """
        return {}


class WritingTask(Task):
    """A task whose answers are written one after the other: each is part of the input of the step after it.

    In training the inputs hold the right answers (teacher forcing). A trained model can write by itself: it is fed what
    it answered. Where the answers have an `end`, it is tested so too (free running).
    """

    needs_causal = True
    end: int | None = None  # the class that ends an answer; None: a text that goes on
    unwritten: tuple[int, ...] = ()  # classes that stand for nothing that can be written, as one for rare symbols
    most_answers: int = 100  # steps after which a model that has not ended is stopped

    @abstractmethod
    def prompt(self, text: str) -> Tensor:
        """Inputs (1, steps) or (1, steps, size) up to the first answer; ValueError for a text that cannot be read."""

    @abstractmethod
    def fed_back(self, answers: Tensor) -> Tensor:
        """Answers, int64 (batch,), as inputs of the step after them: (batch, 1) or (batch, 1, size)."""

    @abstractmethod
    def text_of(self, answers: Sequence[int]) -> str:
        """Answers, without the one that ends them, as a person reads them."""


def refuse_unknown(what: str, value: str, known: Sequence[str]) -> None:
    """Raises ValueError where `value` is not in `known`, naming those that are and the nearest of them."""
    if value in known:
        return
    near = difflib.get_close_matches(value, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no {what} {value!r}.{hint} Known: {', '.join(sorted(known))}")
