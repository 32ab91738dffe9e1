"""Two hundred studies without an effect: at most one in twenty confirms anything, and at most one refutes anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.report import Results
from harness.studies.judging import judge
from harness.studies.question import Difference, Equal, Expectation, Study, Value

from .conftest import run

STUDIES, MOST = 200, 10  # 5 %
SEEDS = (5, 6, 7, 8, 10, 12)
Draw = Callable[[random.Random], float]
NOISE: list[Draw] = [
    lambda draw: draw.gauss(0.5, 0.1),
    lambda draw: float(draw.random() < 0.5),  # a seed learns the task, or does not
    lambda draw: 0.0 if draw.random() < 0.15 else draw.gauss(0.95, 0.01),
    lambda draw: draw.expovariate(5),
    lambda draw: round(draw.gauss(0.5, 0.2), 1),
]


@pytest.fixture
def asking(study) -> Callable[..., Study]:
    """A study with these expectations."""
    one = study('more = "lstm"\nthan = "rnn"\nin = "score"')
    return lambda *expectations: replace(one, expectations=expectations)


def counted(asked: Callable[[int], Study], values: Callable[[random.Random, int], dict[str, float]]) -> dict[str, int]:
    """In how many simulated studies some expectation gets a verdict; `values`: of each architecture, for one seed."""
    counts = {"confirmed": 0, "refuted": 0}
    for number in range(STUDIES):
        draw = random.Random(number)
        seeds = range(SEEDS[number % len(SEEDS)])
        records = [run(label, seed, value) for seed in seeds for label, value in values(draw, number).items()]
        verdicts = {finding.verdict for finding in judge(asked(number), {"": Results(records)})}
        counts = {verdict: count + (verdict in verdicts) for verdict, count in counts.items()}
    return counts


def test_studies_of_architectures_that_are_the_same_find_hardly_anything(asking):
    def asked(number: int) -> Study:
        pairs = [(f"a{index}", f"b{index}") for index in range(1 + number % 4)]
        return asking(*(Difference(metric="accuracy", first=one, second=other) for one, other in pairs))

    def values(draw: random.Random, number: int) -> dict[str, float]:
        return {f"{side}{index}": NOISE[number % len(NOISE)](draw) for index in range(1 + number % 4) for side in "ab"}

    counts = counted(asked, values)
    assert counts["confirmed"] <= MOST
    assert counts["refuted"] <= MOST


def test_studies_whose_claims_are_just_not_true_find_hardly_anything(asking):
    expected: list[Expectation] = [
        Difference(metric="accuracy", first="a", second="b", by=0.1),
        Equal(metric="accuracy", first="a", second="b", margin=0.1),
        Value(metric="accuracy", of="a", low=0.6),
        Value(metric="accuracy", of="a", low=0.6 - 0.1 * 0.253, share=0.6),  # the quantile that 60 % lie above
    ]
    counts = counted(
        lambda number: asking(*expected), lambda draw, _: {"a": draw.gauss(0.6, 0.1), "b": draw.gauss(0.5, 0.1)}
    )
    assert counts["confirmed"] <= MOST
    assert counts["refuted"] <= MOST


def test_a_real_effect_is_found_in_most_of_them(asking):
    asked = asking(
        Difference(metric="accuracy", first="a", second="b"),
        Value(metric="accuracy", of="a", low=0.5),
        Equal(metric="accuracy", first="a", second="c", margin=0.2),
    )
    middles = {"a": 0.8, "b": 0.5, "c": 0.8}
    counts = counted(
        lambda _: asked, lambda draw, _: {name: draw.gauss(middle, 0.05) for name, middle in middles.items()}
    )
    assert counts["confirmed"] > 0.75 * STUDIES  # five seeds are too few for three expectations
    assert counts["refuted"] <= MOST
