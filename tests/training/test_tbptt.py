"""Truncated backpropagation through time: what is carried, what is cut, and what can be learned by it."""

import pytest
import torch

from harness.architecture import keep_rows
from harness.discovery import registry
from harness.discovery.compose import build_architecture
from harness.run import run
from harness.task import Batch, Classes, Task, Tokens
from harness.training.build import build_task
from harness.training.data import batches
from harness.training.device import computing
from harness.training.evaluate import evaluate
from harness.training.model import Model
from harness.training.tbptt import Carried, pieces
from harness.training.train import Training, train

CPU = torch.device("cpu")
STATEFUL = [
    plugin.name
    for plugin in registry.plugins("architecture")
    if plugin.module.startswith("harness.plugins.") and plugin.load().stateful
]


class Recall(Task):
    """The first symbol at every step of a first part, its complement in a second part: told apart by the inputs."""

    min_length = 2
    inputs, targets = Tokens(6), Classes(4)

    def sample(self, generator, batch_size, length):
        symbol = torch.randint(4, (batch_size, 1), generator=generator)
        later = (torch.arange(length) >= length // 2).expand(batch_size, length)
        inputs = later.long() + 4
        inputs[:, :1] = symbol
        return Batch(inputs, torch.where(later, 3 - symbol, symbol), later, loss_mask=torch.ones_like(later))

    def chance(self, length):
        return 1 / 4


def model_for(task, name="gru", hidden_size=8):
    torch.manual_seed(0)
    return Model(build_architecture(name, task.inputs.size, hidden_size), task)


def trained(task, spec, model):
    with computing(CPU):
        train(model, task, spec, CPU, Training(), lambda progress: None)
        return evaluate(model, task, 0, "test", spec.length, 200, CPU).accuracy


def uneven(steps=10):
    """Rows of several lengths, targets and mask at each of their steps."""
    lengths = torch.tensor([steps, 1, 4, 5, 7])
    inputs = torch.randint(6, (5, steps), generator=torch.Generator().manual_seed(1))
    valid = torch.arange(steps) < lengths.unsqueeze(1)
    return Batch(inputs, inputs % 4, valid, lengths)


def test_a_dependency_longer_than_the_chunk_is_learned_when_the_state_is_carried(small):
    spec = small(length=20, tbptt=10, steps=300, hidden_size=32, batch_size=16, lr=0.01, validate_every=300)
    assert trained(Recall(), spec, model_for(Recall(), hidden_size=32)) > 0.99


def test_and_is_not_learned_when_every_chunk_begins_anew(small, monkeypatch):
    advance = Carried._advance

    def forgetful(self, chunk):
        self.state = None
        return advance(self, chunk)

    monkeypatch.setattr(Carried, "_advance", forgetful)
    spec = small(length=20, tbptt=10, steps=300, hidden_size=32, batch_size=16, lr=0.01, validate_every=300)
    assert trained(Recall(), spec, model_for(Recall(), hidden_size=32)) < 0.6


def test_training_is_that_of_a_loop_written_by_hand(small):
    """Carried and detached, one optimizer step a chunk, the last chunk of a batch shorter."""
    spec = small(length=10, tbptt=4, steps=7, optimizer="sgd", lr=0.5, clip=0.0, precision="64", validate_every=7)
    task = Recall()
    ours, by_hand = model_for(task), model_for(task).double()
    trained(task, spec, ours)
    optimizer, steps = torch.optim.SGD(by_hand.parameters(), lr=0.5), 0
    for batch in batches(task, spec.seed, "train", 10, [spec.batch_size] * 3):
        state = None
        for begin in (0, 4, 8)[: 7 - steps]:
            chosen = slice(begin, begin + 4)
            out, state = by_hand(batch.inputs[:, chosen], None, state)
            state = state.detach()
            loss = torch.nn.functional.cross_entropy(out.flatten(0, -2), batch.targets[:, chosen].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1
    assert steps == 7
    for one, other in zip(ours.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", STATEFUL)
def test_the_answers_to_chunks_are_the_answers_to_whole_sequences(name):
    model, batch = model_for(Recall(), name).eval(), uneven()
    carried = Carried(model)
    answers = [carried._advance(chunk) for (chunk,) in pieces([batch], 3)]
    whole, state = model(batch.inputs, batch.lengths)
    torch.testing.assert_close(torch.cat(answers, dim=1)[batch.mask], whole[batch.mask])
    if name == "lstm":  # rows that have ended keep what they ended with
        torch.testing.assert_close(carried.state, state)


def test_no_gradient_goes_back_over_a_cut():
    model = model_for(Recall()).requires_grad_(False)
    task, carried = Recall(), Carried(model)
    seen = []
    embed = model.embedding.forward
    model.embedding.forward = lambda tokens: seen.append(embed(tokens).requires_grad_()) or seen[-1]
    first, second = pieces([next(batches(task, 0, "train", 8, [4]))], 4)
    carried.loss(first)
    carried.loss(second).backward()
    assert seen[0].grad is None
    assert seen[1].grad.abs().sum() > 0


def test_rows_that_begin_anew_are_reset_and_the_others_continue():
    model, (one, two) = model_for(Recall(), "lstm"), batches(Recall(), 0, "train", 4, [3, 3])
    starts = torch.tensor([True, False, False])
    carried = Carried(model)
    first, second = (carried._advance(chunk) for (chunk,) in pieces([one, two._replace(starts=starts)], 4))
    anew = model(two.inputs)
    continued = model(two.inputs, None, model(one.inputs)[1])
    torch.testing.assert_close(first, model(one.inputs)[0])
    torch.testing.assert_close(second, keep_rows(starts, anew[0], continued[0]))
    torch.testing.assert_close(carried.state, keep_rows(starts, anew[1], continued[1]))


def test_chunks_without_a_loss_take_no_step_and_carry_the_state():
    task = build_task("first_token", {})
    model, batch = model_for(task), next(batches(task, 0, "train", 9, [4]))
    (piece,) = pieces([batch], 4)
    assert [chunk.batch.inputs.shape[1] for chunk in piece] == [4, 4, 2]
    torch.testing.assert_close(Carried(model).loss(piece), model.loss(batch))


def test_a_single_answer_is_asked_for_in_the_chunk_in_which_its_row_ends():
    model = model_for(build_task("first_token", {}))
    batch = uneven()
    batch = batch._replace(targets=torch.zeros(5, 1, dtype=torch.int64), mask=torch.ones(5, 1, dtype=torch.bool))
    carried = Carried(model)
    rows = {chunk.batch.lengths: chunk.batch.mask.flatten().tolist() for (chunk,) in pieces([batch], 4)}
    assert list(rows.values()) == [
        [False, True, True, False, False],
        [False, False, False, True, True],
        [True, False, False, False, False],
    ]
    losses = torch.stack([carried.loss(piece) for piece in pieces([batch], 4)])
    torch.testing.assert_close((losses * torch.tensor([2, 2, 1])).sum() / 5, model.loss(batch))


def test_chunks_after_the_last_loss_matter_to_rows_that_continue():
    batch = next(batches(Recall(), 0, "train", 8, [2]))
    early = batch._replace(mask=torch.arange(8) < batch.mask.new_tensor([[4], [2]], dtype=torch.int64), loss_mask=None)
    follows = early._replace(starts=torch.tensor([False, False]))
    assert [len(piece) for piece in pieces([early, early], 4)] == [1, 1]
    assert [len(piece) for piece in pieces([early, follows], 4)] == [1, 2]


def test_a_run_counts_chunks_and_evaluates_whole_sequences(small):
    record = run(small(tbptt=5, steps=6), CPU)
    assert (record.status, record.steps, record.steps_per_sequence) == ("ok", 6, 23)


@pytest.mark.parametrize("name", ["bidirectional:gru", "transformer"])
def test_a_model_without_a_state_to_carry_is_refused_with_the_reason(small, name):
    record = run(small(architecture=name, tbptt=5), CPU)
    assert record.status == "refused"
    assert "no state that continues a sequence" in record.reason
    assert run(small(architecture=name), CPU).status == "ok"
