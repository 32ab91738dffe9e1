"""What the recipes must achieve: trained for real, as published. Run them with `pytest -m slow`."""

import pytest
import torch

from harness.run import run
from harness.spec import RunSpec

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
LENGTHS = (40, 64, 128, 256)


def parity(architecture, seed, **changes):
    """Trained on lengths 3 to 40, as Grazzi et al. 2024 train; parity is asked after each bit, the task's default."""
    settings = {"batch_size": 256, "steps": 10_000, "validate_every": 250, "test_sequences": 1000, "hidden_size": 64}
    return run(
        RunSpec(architecture, "parity", 40, seed, length_from=3, test_lengths=LENGTHS, **{**settings, **changes}), CPU
    )


def scaled(record, length):
    """0 at chance, 1 for all right."""
    chance = record.chances[length]
    return (record.accuracy_at(length) - chance) / (1 - chance)


def test_an_lstm_that_learned_parity_up_to_40_generalises_to_256():
    found = [scaled(parity("lstm", seed), 256) for seed in range(3)]
    assert sum(score > 0.99 for score in found) >= 2


def test_a_transformer_does_not():
    assert scaled(parity("transformer", 0, steps=1000, lr=1e-3), 256) < 0.1


def one_bit(length, forget_bias, embedding, seed):
    """Steps until the first token of a sequence is recalled, at most 600; None: not within these."""
    spec = RunSpec(
        "lstm",
        "first_token",
        length,
        seed,
        architecture_options={"lstm.forget_bias": forget_bias},
        hidden_size=64,
        embedding=embedding,
        batch_size=64,
        lr=3e-3,
        beta2=0.999,
        clip=0.0,
        steps=600,
        validate_every=50,
        test_sequences=500,
    )
    return run(spec, CPU).steps_to_solve


@pytest.mark.parametrize(
    ("length", "forget_bias", "one_hot_solves", "learned_solves"),
    [(20, 1.0, True, True), (20, 0.0, True, False), (40, 1.0, True, False), (80, 3.0, True, True)],
)
def test_the_frame_decides_what_an_lstm_remembers(length, forget_bias, one_hot_solves, learned_solves):
    """One bit of the first token; a learned embedding starts with inputs four times as large at the gates.

    Solved: by one of four seeds at least. Not solved: by none of two. Near its limit a setting solves with some seeds.
    """
    one_hot = [one_bit(length, forget_bias, "one-hot", seed) for seed in range(4)]
    learned = [one_bit(length, forget_bias, "learned:16", seed) for seed in range(2)]
    assert any(one_hot) == one_hot_solves
    assert any(learned) == learned_solves
