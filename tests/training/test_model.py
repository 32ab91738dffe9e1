import pytest
import torch

from harness.architecture import Architecture
from harness.discovery.compose import build_architecture
from harness.task import Batch, Classes, Tokens, Vectors
from harness.training.build import build_task
from harness.training.compatibility import why_not
from harness.training.frame import OneHot
from harness.training.model import Model, count_parameters, last_steps, state_size


class Scripted(Architecture):
    """Answers with the inputs, so that a test decides what the model says."""

    def forward(self, x, state=None, lengths=None):
        return x, state


def scripted(targets, inputs=None, readout="each"):
    """A model whose answer is its input, for a task of the given kind."""

    class Given:
        pass

    task = Given()
    width = targets.size * getattr(targets, "entries", 1)
    task.inputs, task.targets, task.readout = inputs or Vectors(width), targets, readout
    task.feedback = "none"
    model = Model(Scripted(width, width), task)
    model.head = torch.nn.Identity()
    return model


def test_accuracy_is_over_the_masked_steps_only():
    model = scripted(Classes(2))
    says = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])  # classes 0, 1, 1
    batch = Batch(says, torch.tensor([[0, 1, 0]]), torch.tensor([[False, True, True]]))
    sums = model.sums(batch)
    assert (sums.right, sums.entries, sums.exact, sums.rows) == (1, 2, 0, 1)


def test_exact_match_needs_every_scored_step_of_a_row():
    model = scripted(Classes(2))
    says = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    batch = Batch(says, torch.tensor([[0, 1], [0, 1]]), torch.ones(2, 2, dtype=torch.bool))
    assert (model.sums(batch).exact, model.sums(batch).rows) == (1, 2)


def test_rows_without_a_scored_step_count_for_nothing():
    model = scripted(Classes(2))
    says = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    batch = Batch(says, torch.zeros(2, 1, dtype=torch.long), torch.tensor([[True], [False]]))
    assert (model.sums(batch).exact, model.sums(batch).rows, model.sums(batch).entries) == (1, 1, 1)


def test_the_loss_is_the_mean_over_the_loss_mask():
    model = scripted(Classes(3))
    says = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.randint(3, (2, 4), generator=torch.Generator().manual_seed(1))
    loss_mask = torch.tensor([[True, True, False, False], [True, False, True, True]])
    batch = Batch(says, targets, torch.ones(2, 4, dtype=torch.bool), loss_mask=loss_mask)
    expected = torch.nn.functional.cross_entropy(says[loss_mask], targets[loss_mask])
    torch.testing.assert_close(model.loss(batch), expected)


def test_several_questions_a_step_are_several_entries():
    model = scripted(Classes(2, entries=2), inputs=Vectors(4))
    says = torch.tensor([[[1.0, 0.0, 0.0, 1.0]]])  # entry one says 0, entry two says 1
    batch = Batch(says, torch.tensor([[[0, 0]]]), torch.ones(1, 1, dtype=torch.bool))
    sums = model.sums(batch)
    assert (sums.right, sums.entries, sums.exact) == (1, 2, 0)


def test_a_vector_is_right_within_its_tolerance_and_learned_by_squared_error():
    model = scripted(Vectors(1, tolerance=0.04))
    says = torch.tensor([[[0.539]], [[0.541]]])
    batch = Batch(says, torch.full((2, 1, 1), 0.5), torch.ones(2, 1, dtype=torch.bool))
    assert model.sums(batch).right == 1
    torch.testing.assert_close(model.loss(batch), torch.tensor((0.039**2 + 0.041**2) / 2))


def test_the_last_step_is_each_rows_own():
    out = torch.arange(12.0).reshape(2, 3, 2)
    assert torch.equal(last_steps(out, torch.tensor([1, 3])), torch.stack([out[0, :1], out[1, 2:]]))
    assert torch.equal(last_steps(out, None), out[:, -1:])


def test_symbols_are_fed_one_hot_without_parameters():
    embedding = OneHot(3)
    assert torch.equal(embedding(torch.tensor([[2, 0]])), torch.tensor([[[0.0, 0, 1], [1, 0, 0]]]))
    assert count_parameters(embedding) == 0
    assert not embedding.state_dict()


def test_parameters_are_counted_by_part():
    task = build_task("copy", {})
    model = Model(build_architecture("rnn", 10, 8), task)
    assert count_parameters(model.architecture) == 10 * 8 + 8 * 8 + 2 * 8  # torch keeps two bias vectors
    assert count_parameters(model.head) == 8 * 9 + 9


@pytest.mark.parametrize(("name", "size"), [("rnn", 8), ("lstm", 16), ("gru", 8), ("deep:lstm", 32)])
def test_state_size_counts_the_numbers_carried(name, size):
    architecture = build_architecture(name, 5, 8)
    _, state = architecture(torch.zeros(3, 4, 5))
    assert state_size(state) == size


def test_complex_states_count_twice():
    assert state_size(torch.zeros(2, 4, dtype=torch.complex64)) == 8


def test_an_unknown_inputs_kind_is_fed_as_it_is():
    model = scripted(Vectors(2), inputs=Vectors(2))
    assert isinstance(model.embedding, torch.nn.Identity)
    assert isinstance(Model(Scripted(4, 4), build_task("copy", {})).embedding, OneHot)
    assert isinstance(Tokens(3).size, int)


@pytest.mark.parametrize("state", [None, (None,), (torch.zeros(2, 4), None)])
def test_a_state_that_is_not_told_has_no_size_rather_than_none_at_all(state):
    assert state_size(state) is None
    assert state_size(()) == 0


class Successor(Architecture):
    """Says the symbol after that of its input."""

    def forward(self, x, state=None, lengths=None):
        return x.roll(1, dims=2), state


def fed_model(feedback):
    """A model of five symbols that answers k with k + 1, and a batch that is fed something else twice."""
    task = build_task("copy", {"symbols": 3, "alphabet": 4, "feedback": feedback})
    task.inputs = Tokens(5)
    model = Model(Successor(5, 5), task)
    model.head = torch.nn.Identity()
    fed = torch.tensor([[False, False, True, True]])
    return model, Batch(torch.tensor([[3, 0, 3, 3]]), torch.tensor([[4, 1, 2, 3]]), torch.ones_like(fed), fed=fed)


def said(model, batch):
    return model.answers_to(batch).argmax(dim=-1).squeeze(-1).tolist()


def test_in_training_teacher_forcing_reads_what_is_fed_as_it_is():
    model, batch = fed_model("forced")
    assert said(model, batch) == [[4, 1, 4, 4]]


@pytest.mark.parametrize(("feedback", "training"), [("forced", False), ("own", False), ("own", True)])
def test_in_evaluation_and_without_forcing_a_model_reads_its_own_answers(feedback, training):
    model, batch = fed_model(feedback)
    assert said(model.train(training), batch) == [[4, 1, 2, 3]]
    assert model.train(training).sums(batch).right == 4


def test_feedback_carries_the_state_from_step_to_step():
    task = build_task("copy", {"symbols": 3, "feedback": "forced"})
    model = Model(build_architecture("lstm", 10, 8), task).eval()
    batch = task.sample(torch.Generator().manual_seed(0), 4, 2)
    own = model.answers_to(batch)
    heard = batch.inputs.clone()
    heard[:, -2:] = own[:, -3:-1, 0].argmax(dim=-1)
    torch.testing.assert_close(own, model(heard)[0])


def test_feedback_needs_a_state_and_whole_sequences():
    task = build_task("copy", {"feedback": "own"})
    assert "no state" in why_not(build_architecture("transformer", 10, 8), task, 20)
    assert "--tbptt" in why_not(build_architecture("lstm", 10, 8), task, 20, carried=True)
    assert why_not(build_architecture("lstm", 10, 8), task, 20) is None
