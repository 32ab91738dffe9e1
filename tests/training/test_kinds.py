"""Every kind of architecture that a stranger may bring goes the whole road, or is refused with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from harness.discovery.compose import build_architecture
from harness.run import build_model, build_task, run
from harness.testing import check_architecture
from harness.training.model import state_size
from harness.training.optimizer import make_optimizer
from harness.training.sizing import match

KINDS = Path(__file__).parent.parent / "third_party" / "kinds.py"
WELCOME = [
    "Out",
    "OutAndState",
    "OutAndAnything",
    "NamedOutputs",
    "SameWidth",
    "NeedsLength",
    "FunctionalCell",
    "made_by_a_function",
    "ComplexState",
    "OrthogonalCell",
    "OwnGroups",
    "Dropping",
    "LooksAhead",
    "SaysItLooksAhead",
    "Window",
    "SaysItTakesTimeFirst",
]
CPU = torch.device("cpu")
LEARNS = "learns to recall the first symbol"
UNKEPT = {  # what a kind cannot keep, each for the reason that makes it that kind
    "LooksAhead": {"is causal exactly when it says so", "padding changes nothing", LEARNS},
    "SaysItLooksAhead": {"padding changes nothing", LEARNS},  # reads padding, and the first step last
    "Window": {LEARNS},  # of three steps
}


def named(kind: str) -> str:
    return f"{KINDS}:{kind}"


@pytest.mark.parametrize("kind", WELCOME)
def test_it_is_trained_and_tested(kind, small):
    record = run(small(architecture=named(kind), test_lengths=(5,)), CPU)
    assert record.status == "ok", record.reason
    assert set(record.scores) == {3, 5}
    assert record.parameters["architecture"] > 0


@pytest.mark.parametrize("kind", [kind for kind in WELCOME if kind != "NeedsLength"])
@pytest.mark.parametrize("wrapper", ["deep", "bidirectional"])
def test_it_can_be_wrapped(kind, wrapper, small):
    record = run(small(architecture=f"{wrapper}:{named(kind)}"), CPU)
    assert record.status == "ok", record.reason


@pytest.mark.parametrize("kind", [kind for kind in WELCOME if kind != "NeedsLength"])
def test_its_size_can_be_matched(kind):
    found = match(lambda size: build_architecture(named(kind), 4, size), 2000)
    assert found.reached == pytest.approx(2000, rel=0.1)


def test_an_output_as_wide_as_the_input_is_found_to_be():
    assert build_architecture(named("SameWidth"), 7, 20).output_size == 7


def test_a_module_that_declares_time_first_computes_what_it_would_batch_first():
    torch.manual_seed(0)
    model = build_architecture(named("SaysItTakesTimeFirst"), 3, 8)
    x, kernel = torch.randn(2, 5, 3), model.module.kernel
    alone = [kernel(row[:, None])[0][:, 0] for row in x]
    torch.testing.assert_close(model(x)[0], torch.stack(alone))


@pytest.mark.parametrize("kind", WELCOME)
def test_it_keeps_the_contract(kind):
    found = check_architecture(lambda i, h: build_architecture(named(kind), i, h, max_length=16))
    assert {finding.promise for finding in found if finding.status == "broken"} == UNKEPT.get(kind, set())


def test_the_longest_sequence_is_known_at_construction(small):
    spec = small(architecture=named("NeedsLength"), test_lengths=(40,))
    model = build_model(spec, build_task("copy", {}))
    assert model.architecture.max_length == 60


def test_a_complex_number_carried_counts_as_two():
    model = build_architecture(named("ComplexState"), 3, 8)
    assert state_size(model(torch.randn(2, 5, 3))[1]) == 16


def test_a_parametrised_matrix_is_orthogonal_still_after_training(small):
    spec = small(architecture=named("OrthogonalCell"), steps=6)
    task = build_task("copy", {})
    model = build_model(spec, task)
    optimizer = make_optimizer(model, spec)
    before = model.architecture.recur.weight.detach().clone()
    for seed in range(5):
        optimizer.zero_grad()
        model.loss(task.sample(torch.Generator().manual_seed(seed), 8, 3)).backward()
        optimizer.step()
    after = model.architecture.recur.weight.detach()
    assert not torch.allclose(after, before, atol=1e-3)
    torch.testing.assert_close(after @ after.T, torch.eye(8))


def test_the_groups_of_a_plain_module_reach_the_optimizer(small):
    spec = small(architecture=named("OwnGroups"), lr=0.01)
    model = build_model(spec, build_task("copy", {}))
    slow = [g["params"] for g in make_optimizer(model, spec).param_groups if g["lr"] == pytest.approx(0.001)]
    assert [[id(p) for p in group] for group in slow] == [[id(model.architecture.module.kernel.weight_hh_l0)]]


def test_dropout_acts_in_training_only_and_is_the_same_at_one_seed(small):
    first, second = (run(small(architecture=named("Dropping")), CPU) for _ in range(2))
    assert (first.accuracy, first.curve) == (second.accuracy, second.curve)


@pytest.mark.parametrize(
    ("kind", "task", "options", "length", "said"),
    [
        ("BatchNormed", "copy", {}, 3, "rows of a batch must not see each other"),
        ("TimeFirst", "copy", {}, 3, "rows of a batch must not see each other.*RNN: batch_first=False"),
        ("LooksAhead", "parentheses", {"variant": "next"}, 8, "it sees the future"),
        ("SaysItLooksAhead", "parentheses", {"variant": "next"}, 8, "it looks ahead"),
    ],
)
def test_what_breaks_a_rule_is_skipped_with_the_reason(kind, task, options, length, said, small):
    spec = small(architecture=named(kind), task=task, task_options=options, task_label=task, length=length)
    record = run(spec, CPU)
    assert record.status == "refused"
    assert record.steps == 0
    assert re.search(said, record.reason), record.reason
