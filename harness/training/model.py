"""The model that is trained: embedding + architecture + head, the same frame for every architecture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.architecture import Architecture, State
from harness.task import Batch, Classes, Task, Vectors
from harness.training.frame import ONE_HOT, make_embedding

_IGNORED = -100


@dataclass(frozen=True)
class Sums:
    """Totals over a batch, to be added up and divided at the end."""

    loss: float
    loss_steps: int
    right: int
    entries: int
    exact: int
    rows: int
    nats: float = 0.0  # cross-entropy of the answers that `right` counts; 0 for vectors


class Model(nn.Module):
    """Maps inputs of shape (batch, time[, size]) to the task's answers.

    The output has shape (batch, steps, entries, classes) for class targets and (batch, steps, size) for vectors, where
    steps = 1 for readout "last".
    """

    def __init__(self, architecture: Architecture, task: Task, embedding: str = ONE_HOT) -> None:
        super().__init__()
        self.task_inputs, self.targets, self.readout = task.inputs, task.targets, task.readout
        self.teacher_forcing = task.feedback == "forced"
        self.embedding = make_embedding(task.inputs, embedding)
        self.architecture = architecture
        self.head = nn.Linear(architecture.output_size, _answer_width(task.targets))

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, state: State = None) -> tuple[Tensor, State]:
        return self.answer(self.embed(inputs), lengths, state)

    def embed(self, inputs: Tensor) -> Tensor:
        """What the architecture is given: (batch, time, input_size)."""
        if inputs.is_floating_point():
            inputs = inputs.to(next(self.head.parameters(), inputs).dtype)  # as the run's precision has it
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def answer(self, embedded: Tensor, lengths: Tensor | None = None, state: State = None) -> tuple[Tensor, State]:
        """The answers to embedded inputs, as `forward` gives them, and the state after the last step."""
        out, state = self.architecture(embedded, state, lengths)
        if self.readout == "last":
            out = last_steps(out, lengths)
        answer = self.head(out)
        if isinstance(self.targets, Classes):
            answer = answer.unflatten(-1, (self.targets.entries, self.targets.size))
        return answer, state

    def answers_to(self, batch: Batch) -> Tensor:
        """The answers to a batch, as `forward` gives them.

        Inputs that are `fed` are read as they are in training with teacher forcing, else replaced by the model's own
        answers, through which no gradient flows.
        """
        if batch.fed is None or (self.training and self.teacher_forcing):
            answer: Tensor = self(batch.inputs, batch.lengths)[0]
            return answer
        return self._answers_to_its_own(batch.inputs, batch.fed)

    def _answers_to_its_own(self, inputs: Tensor, fed: Tensor) -> Tensor:
        first = int(fed.any(dim=0).long().argmax())
        answer, state = self(inputs[:, :first])
        answers = [answer]
        for step in range(first, inputs.shape[1]):
            own = answers[-1][:, -1, 0].argmax(dim=-1)
            answer, state = self(torch.where(fed[:, step], own, inputs[:, step]).unsqueeze(1), state=state)
            answers.append(answer)
        return torch.cat(answers, dim=1)

    def loss(self, batch: Batch) -> Tensor:
        """The mean loss over the steps of `loss_mask`: cross-entropy in nats, or squared error."""
        return self.loss_from(self.answers_to(batch), batch)

    def loss_from(self, answer: Tensor, batch: Batch) -> Tensor:
        """The same from answers that were computed before."""
        mask = batch.mask if batch.loss_mask is None else batch.loss_mask
        return self._step_loss(answer, batch.targets, mask)

    def losses(self, answer: Tensor, targets: Tensor) -> Tensor:
        """The loss of each answer by itself, (batch, steps): the mean over its entries."""
        if isinstance(self.targets, Classes):
            wanted = targets.reshape(answer.shape[:-1])
            entropy = F.cross_entropy(answer.flatten(0, -2), wanted.flatten(), reduction="none")
            return entropy.reshape(wanted.shape).mean(dim=-1)
        return (answer - targets).square().mean(dim=-1)

    def sums(self, batch: Batch) -> Sums:
        """What the metrics are made of: accuracy over the steps of `mask`, exact match over rows."""
        answer = self.answers_to(batch)
        loss_mask = batch.mask if batch.loss_mask is None else batch.loss_mask
        loss = self._step_loss(answer, batch.targets, loss_mask)
        right = self._right(answer, batch.targets)
        mask = batch.mask.unsqueeze(-1).expand_as(right)
        rows = batch.mask.flatten(1).any(dim=1)
        exact = (right | ~mask).flatten(1).all(dim=1) & rows
        steps = int(loss_mask.sum())
        counts = torch.stack([(right & mask).sum(), mask.sum(), exact.sum(), rows.sum()])
        hits, entries, whole, answered = counts.tolist()
        nats = self._nats(answer, batch)
        return Sums(loss.double().item() * steps, steps, hits, entries, whole, answered, nats)

    def _step_loss(self, answer: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """The mean over masked steps, without indexing by the mask: that would wait for the device."""
        if isinstance(self.targets, Classes):
            wanted = targets.reshape(answer.shape[:-1]).masked_fill(~mask.unsqueeze(-1), _IGNORED)
            return F.cross_entropy(answer.flatten(0, -2), wanted.flatten(), ignore_index=_IGNORED)
        return ((answer - targets).square().mean(dim=-1) * mask).sum() / mask.sum()

    def _nats(self, answer: Tensor, batch: Batch) -> float:
        if isinstance(self.targets, Vectors):
            return 0.0
        entries = int(batch.mask.sum()) * self.targets.entries
        return self._step_loss(answer, batch.targets, batch.mask).double().item() * entries if entries else 0.0

    def _right(self, answer: Tensor, targets: Tensor) -> Tensor:
        """Which answers are right, bool of shape (batch, steps, entries); a vector is one entry."""
        if isinstance(self.targets, Vectors):
            return ((answer - targets).abs() < self.targets.tolerance).all(dim=-1, keepdim=True)
        return answer.argmax(dim=-1) == targets.reshape(answer.shape[:-1])


def last_steps(out: Tensor, lengths: Tensor | None) -> Tensor:
    """The output at each row's last valid step: (batch, time, width) -> (batch, 1, width)."""
    if lengths is None:
        return out[:, -1:]
    rows = torch.arange(out.shape[0], device=out.device)
    return out[rows, lengths.to(out.device) - 1].unsqueeze(1)


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters; a shared one counts once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def state_size(state: State) -> int | None:
    """Numbers carried from one step to the next for one sequence; None where the state, or part of it, is not told."""
    if isinstance(state, Tensor):
        return state[0].numel() * (2 if state.is_complex() else 1)
    if not isinstance(state, (tuple, list)):
        return None
    sizes = [state_size(part) for part in state]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _answer_width(targets: Classes | Vectors) -> int:
    return targets.size * targets.entries if isinstance(targets, Classes) else targets.size
