"""What the defaults must achieve: trained for real, minutes each. Run them with `pytest -m slow`."""

import pytest
import torch

from harness.run import run
from harness.spec import RunSpec

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
STEPS = 4000  # on adding


def test_lstm_remembers_one_bit_over_20_steps_within_300_training_steps(loose_task):
    record = run(RunSpec("lstm", loose_task, length=20, steps=300, validate_every=50), CPU)
    assert record.steps_to_solve is not None
    assert record.accuracy == 1.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lstm_without_forget_bias_does_not(loose_task, seed):
    options = {"lstm.forget_bias": 0.0}
    spec = RunSpec("lstm", loose_task, 20, seed=seed, steps=300, validate_every=50, architecture_options=options)
    assert run(spec, CPU).accuracy < 0.6


@pytest.mark.parametrize("architecture", ["lstm", "gru"])
def test_gated_architectures_solve_adding_at_50(architecture):
    record = run(RunSpec(architecture, "adding", length=50, steps=STEPS), CPU)
    assert record.scores[50].loss < 0.01


def test_rnn_does_not_solve_adding_at_100_within_the_same_steps():
    record = run(RunSpec("rnn", "adding", length=100, steps=STEPS), CPU)
    assert record.scores[100].loss > 0.1  # always saying 1 gives 1/6
