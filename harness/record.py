"""What is kept of a run, whatever became of it, and what is seen of it before."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.spec import RunSpec

Status = Literal["ok", "diverged", "timeout", "out_of_memory", "error", "refused", "pruned", "interrupted"]
CLOSE = 0.02  # relative gap to --params above which a report warns
FINAL: tuple[Status, ...] = ("ok", "diverged", "refused")  # running it again would give the same
TIMES = ("began", "ended", "seconds", "tokens_per_second")  # what differs between two executions of one run
FAILED: tuple[Status, ...] = ("error", "timeout", "out_of_memory", "diverged")  # planned to give a result, gave none
WORTH_A_RETRY: tuple[Status, ...] = ("error", "timeout", "out_of_memory")  # another attempt may go better


@dataclass(frozen=True)
class Scores:
    """What an evaluation on held-out sequences of one length found."""

    accuracy: float  # over the steps that need memory, 0 to 1
    loss: float
    exact_match: float  # share of sequences with every scored step right
    bits: float | None = None  # cross-entropy of one answer that `accuracy` counts; None: answers are vectors
    # Of a task whose answers are written one after the other and end; None for others:
    forced_error: float | None = None  # share of scored answers that are wrong where the right ones are fed
    free_error: float | None = None  # edit distance for each right answer, where the model is fed its own


@dataclass(frozen=True)
class CurvePoint:
    """One point of the learning curve: after `step` steps."""

    step: int
    train_loss: float  # mean since the last point
    validation_loss: float
    validation_accuracy: float
    lr: float = 0.0  # learning rate of the step
    gradient_norm: float = 0.0  # before clipping, mean since the last point
    train_accuracy: float | None = None  # on the fixed training set; None: each batch is new


@dataclass(frozen=True)
class Progress:
    """A look at a run while it trains."""

    step: int
    loss: float
    accuracy: float | None  # on validation data, the latest
    tokens_per_second: float
    validations: tuple[tuple[int, float], ...] = ()  # step and accuracy of each so far


@dataclass
class Record:
    """One run: what was asked, what became of it, what was measured."""

    spec: RunSpec
    status: Status = "interrupted"
    reason: str = ""  # one line, where the status is not ok
    traceback: str = ""
    output: str = field(default="", compare=False)  # what the run printed, or the last of it; kept by worker processes
    scores: dict[int, Scores] = field(default_factory=dict)  # by test length, the training length among them
    chances: dict[int, float] = field(default_factory=dict)  # by test length: that of the best without memory
    curve: list[CurvePoint] = field(default_factory=list)
    steps: int = 0  # trained
    steps_to_solve: int | None = None  # None: not solved within the budget
    seconds: float = 0.0  # of training, validation included
    tokens_per_second: float = 0.0
    steps_per_sequence: int = 0  # time steps fed for one sequence
    parameters: dict[str, int] = field(default_factory=dict)  # embedding, architecture, head
    state_size: int | None = None  # numbers carried for one sequence; None: not known, as of a plain module
    solved_at: float = 1.0
    chance_is: str = ""  # what the predictor behind `chances` does, where the task says so
    gradients: dict[str, float] = field(default_factory=dict)  # of the trained model, where a study asked for them
    environment: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # what a plugin changed of its process, and was put back
    began: float = field(default=0.0, compare=False)  # seconds since 1970; 0: not recorded
    attempt: int = 1  # 2 and more: it failed before and was tried again
    weights: bytes = field(default=b"", compare=False, repr=False)  # safetensors of the trained model, where kept
    ended: float = field(default=0.0, compare=False)  # seconds since 1970 (UTC); 0: not known
    identity: str = field(default="", compare=False)  # as recorded, by the version that ran it; '' for a run of today

    def accuracy_at(self, length: int) -> float | None:
        """Test accuracy at a length; None for a run without a result."""
        scores = self.scores.get(length)
        return scores.accuracy if scores and self.status == "ok" else None

    def score_at(self, length: int) -> float | None:
        """What counts in a mean over seeds: the accuracy, and chance for a run that failed."""
        accuracy = self.accuracy_at(length)
        return self.chances.get(length) if accuracy is None else accuracy

    def solved_at_length(self, length: int) -> bool:
        accuracy = self.accuracy_at(length)
        return accuracy is not None and accuracy >= self.solved_at

    @property
    def accuracy(self) -> float | None:
        """Test accuracy at the length trained at; after training on a range, the mean over the lengths tested at.

        None for a run without a result.
        """
        found = [self.accuracy_at(length) for length in self.spec.points]
        known = [accuracy for accuracy in found if accuracy is not None]
        return sum(known) / len(known) if known and len(known) == len(found) else None

    @property
    def score(self) -> float | None:
        """What counts in a mean over seeds: the accuracy, and chance for a run that failed."""
        return self.chance if self.accuracy is None else self.accuracy

    @property
    def chance(self) -> float | None:
        """Chance where `accuracy` is measured; None where the task could not be made."""
        found = [self.chances[length] for length in self.spec.points if length in self.chances]
        return sum(found) / len(found) if found and len(found) == len(self.spec.points) else None

    @property
    def solved(self) -> bool:
        """Whether every length that makes the run a point of a curve reaches the task's threshold."""
        return all(self.solved_at_length(length) for length in self.spec.points)


def as_json(record: Record) -> dict[str, Any]:
    """The record as plain data, with its identity."""
    plain = asdict(record)
    del plain["weights"]
    return {**plain, "identity": record.identity or record.spec.identity, "accuracy": record.accuracy}
