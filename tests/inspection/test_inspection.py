"""Runs looked into: whatever the architecture and the task, something is found, and what is not says why."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from harness.errors import UsageError
from harness.inspection.inspection import inspect_run
from harness.inspection.sequence import as_batch
from harness.inspection.states import state_by_lag
from harness.run import run
from harness.training.build import build_model, build_task
from harness.training.data import batches

CPU = torch.device("cpu")


@pytest.fixture
def inspected(small):
    """Trains a small run and looks into it."""

    def look(architecture="lstm", task="first_token", sequence="", **settings):
        record = run(small(architecture=architecture, task=task, label=architecture, task_label=task, **settings), CPU)
        assert record.status == "ok", record.reason
        return inspect_run(record, record.weights, sequence=sequence)

    return look


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "peephole", "mgu", "deep:lru", "tcn", "mlp"])
def test_an_architecture_shows_its_gradients_and_what_can_be_decoded(inspected, architecture):
    found = inspected(architecture, length=5)
    assert found.start.lags == found.trained.lags == list(range(6))
    assert found.start.norms[0] > 0
    assert found.decoded.steps[0] == 0
    assert all(0 <= accuracy <= 1 for accuracy in found.decoded.accuracies)
    assert all(len(units[0]) == 6 for units in found.internals.values())
    assert len(found.shown.inputs) == 6
    assert found.shown.given[-1] in ("A", "B")


def test_the_gates_of_an_lstm_are_shown_by_name_with_the_time_scale_of_the_forget_gate(inspected):
    found = inspected("lstm", length=5, hidden_size=8)
    assert {"forget gate", "input gate", "output gate", "cell", "hidden"} <= found.internals.keys()
    assert len(found.time_scales) == 8
    assert min(found.time_scales) > 0


def test_a_model_without_a_state_says_what_was_left_out(inspected):
    found = inspected("transformer", length=5)
    assert found.state is None
    assert found.left_out["state by lag"] == "Transformer carries no state"
    assert found.left_out["states"] == "there is no state: the outputs are probed instead"


def test_a_state_of_too_many_numbers_is_not_multiplied_and_the_rest_is_looked_at(inspected):
    found = inspected("rnn", length=3, hidden_size=513)
    assert found.state is found.state_at_start is None
    assert found.left_out["state by lag"] == "its state has 513 numbers; up to 512 are looked at"
    assert found.decoded.steps


def test_the_state_of_a_convolution_is_refused_before_it_is_multiplied(small):
    task = build_task("first_token", {})
    model = build_model(small(architecture="tcn", length=20, hidden_size=32), task)
    batch = next(batches(task, 0, "probe", 20, [2]))
    with pytest.raises(ValueError, match=r"its state has 3,924 numbers; up to 512"):
        state_by_lag(model, batch.inputs)


def test_a_bidirectional_model_has_gradients_both_ways(inspected):
    found = inspected("bidirectional:rnn", "copy", length=3)
    assert min(found.trained.lags) == 0  # the last scored step of copy is the last one
    assert inspected("bidirectional:rnn", "fill_gap", length=6).trained.lags[0] < 0


def test_a_task_of_numbers_has_no_decoding_and_shows_numbers(inspected):
    found = inspected("gru", "adding", length=6)
    assert found.decoded is None or found.decoded.steps
    assert found.shown.given[-1]
    assert found.state.regime in ("vanishing", "growing", "at the edge")


def test_a_third_partys_cell_is_inspected_without_a_line_of_code_for_it(inspected, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(
        "import torch\nfrom torch import nn\nfrom harness import CellArchitecture\n\n\n"
        "class Mine(CellArchitecture):\n"
        "    def __init__(self, input_size, hidden_size):\n"
        "        super().__init__(input_size, hidden_size)\n"
        "        self.cell = nn.RNNCell(input_size, hidden_size)\n\n"
        "    def step(self, x, state):\n"
        "        state = self.cell(x, state)\n        return state, state\n"
    )
    found = inspected(str(path), length=4)
    assert set(found.internals) == {"hidden", "state"}
    assert found.state.lags == [0, 1, 2, 3, 4]


def test_a_persons_own_sequence_is_shown(inspected):
    found = inspected("lstm", "parentheses", sequence="([])", length=8)
    assert found.shown.inputs == ["(", "[", "x", "x"]  # a closing bracket of any kind is one symbol
    assert found.shown.wanted == []
    assert len(found.shown.given) == 4


def test_unknown_symbols_are_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match=r"'y' is no symbol of this task; its symbols are \( "):
        as_batch(build_task("parentheses", {}), "(y)")
    with pytest.raises(UsageError, match="needs a task of symbols"):
        as_batch(build_task("adding", {}), "1 2")


def test_a_run_without_weights_says_how_to_get_them(small):
    record = run(small(keep_weights="none"), CPU)
    with pytest.raises(UsageError, match=r"has no weights.*--keep-weights"):
        inspect_run(record, record.weights or None)


def test_weights_that_are_not_finite_are_refused(small):
    from harness.training.weights import to_bytes, trained_model

    record = run(small(), CPU)
    model = trained_model(record.spec, record.weights)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(UsageError, match="are not finite"):
        inspect_run(replace(record), to_bytes(model))


@pytest.mark.slow
def test_at_the_start_the_gradient_of_the_textbook_is_measured(small):
    """first_token, T=50: of rnn's gradient less than 1e-2 is left 50 steps back, of lstm's with bias 3 over 0.1."""
    from harness.inspection.gradients import gradient_by_lag

    task = build_task("first_token", {})
    batch = next(batches(task, 0, "probe", 50, [64]))
    left = {}
    for name, options in (("rnn", {}), ("lstm", {"lstm.forget_bias": 3.0})):
        for seed in range(3):
            frame = {"task": "first_token", "length": 50, "seed": seed, "hidden_size": 64}
            spec = small(architecture=name, architecture_options=options, **frame)
            left[name, seed] = gradient_by_lag(build_model(spec, task), batch).left(50)
    assert max(left["rnn", seed] for seed in range(3)) < 1e-2
    assert min(left["lstm", seed] for seed in range(3)) > 0.1


@pytest.mark.slow
def test_after_training_on_a_length_that_both_have_learned_the_gradients_are_closer(small):
    """first_token, T=20: shares of the gradient that are left 20 steps back, of rnn and of lstm, before and after."""
    left: dict[str, list[float]] = {"start": [], "trained": []}
    for name in ("rnn", "lstm"):
        frame = {"task": "first_token", "length": 20, "steps": 300, "hidden_size": 32, "batch_size": 32}
        tested = {"validate_every": 100, "validation_sequences": 200, "test_sequences": 200}
        record = run(small(architecture=name, **frame, **tested), CPU)
        assert record.scores[20].accuracy > 0.99
        found = inspect_run(record, record.weights)
        left["start"].append(math.log(found.start.left(20)))
        left["trained"].append(math.log(found.trained.left(20)))
    apart = {when: abs(rnn - lstm) for when, (rnn, lstm) in left.items()}
    assert apart["trained"] < apart["start"], left
