"""The floors: what predictors without memory reach on the published tasks, by simulation."""

import math

import pytest
import torch
from harness.tasks.adding import Adding
from harness.tasks.copy import Copy
from harness.tasks.parentheses import Parentheses


def draw(task, length, rows):
    return task.sample(torch.Generator().manual_seed(0), rows, length)


@pytest.mark.parametrize("variant", ["halves", "anywhere"])
def test_always_answering_one_to_adding(variant):
    error = draw(Adding(variant=variant), 10, 200_000).targets - 1
    assert error.square().mean() == pytest.approx(1 / 6, abs=0.002)
    assert (error.abs() < 0.04).double().mean() == pytest.approx(0.0784, abs=0.0025)


def test_always_answering_a_half_to_hochreiters_adding():
    error = draw(Adding(variant="hochreiter"), 100, 50_000).targets - 0.5
    assert error.square().mean() == pytest.approx((2 - 0.1 - 0.9 / 49) / 48, abs=0.001)  # Var(U[-1,1]) / 16 = 1 / 48
    assert (error.abs() < 0.04).double().mean() == pytest.approx(Adding(variant="hochreiter").chance(100), abs=0.007)


@pytest.mark.parametrize(
    ("length", "nats", "accuracy"),
    [
        (20, 0.5199, 0.781),
        (50, 0.2971, 0.875),
        (100, 0.1733, 0.927),
        (200, 0.0945, 0.960),
        (500, 0.0400, 0.983),
        (1000, 0.02039, 0.991),
    ],
)
def test_copy_by_the_clock_alone(length, nats, accuracy):
    targets = draw(Copy(), length, 1000).targets
    frequency = torch.stack([(targets == answer).double().mean(dim=0) for answer in range(9)])
    entropy = torch.special.entr(frequency).sum(dim=0).mean()
    assert entropy == pytest.approx(nats, rel=0.005)
    assert entropy == pytest.approx(10 * math.log(8) / (length + 20), rel=0.005)
    assert frequency.max(dim=0).values.mean() == pytest.approx(accuracy, abs=0.01)


@pytest.mark.parametrize(
    ("length", "all_steps", "last_step"),
    [(20, 0.756, 0.610), (50, 0.595, 0.415), (100, 0.475, 0.305), (200, 0.364, 0.216)],
)
def test_always_answering_zero_to_counting(length, all_steps, last_step):
    task = Parentheses(variant="counting")
    zero = draw(task, length, 1000).targets == 0
    assert zero.double().mean() == pytest.approx(all_steps, abs=0.012)
    assert zero[:, -1].double().mean() == pytest.approx(last_step, abs=0.02)
    assert last_step - 0.002 <= task.chance(length) < last_step + 0.02  # knowing the last symbol helps a little
