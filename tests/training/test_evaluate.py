from dataclasses import astuple

import pytest
import torch

from harness.discovery.compose import build_architecture
from harness.errors import RefusedError
from harness.training.build import build_task
from harness.training.data import batches, to_device
from harness.training.evaluate import evaluate
from harness.training.model import Model, Sums
from harness.training.precision import refuse_precision

CPU = torch.device("cpu")


@pytest.fixture
def task():
    return build_task("copy", {})


@pytest.fixture
def model(task):
    torch.manual_seed(0)
    return Model(build_architecture("deep:gru", 10, 8, {"deep.dropout": 0.5}), task)


def first(task, *where):
    return next(batches(task, *where, [4])).inputs


def test_every_architecture_sees_the_same_batches_at_one_seed(task):
    assert torch.equal(first(task, 0, "train", 5), first(task, 0, "train", 5))


def test_seeds_splits_and_lengths_have_streams_of_their_own(task):
    streams = [
        first(task, *where) for where in [(0, "train", 5), (1, "train", 5), (0, "test", 5), (0, "validation", 5)]
    ]
    assert all(not torch.equal(a, b) for i, a in enumerate(streams) for b in streams[:i])


def test_a_stream_of_more_batches_begins_with_the_same_ones(task):
    few, many = (list(batches(task, 0, "train", 5, [4] * count)) for count in (2, 4))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(few, many, strict=False))


def test_evaluation_leaves_mode_and_global_generator_alone(task, model):
    model.train()
    before = torch.get_rng_state()
    evaluate(model, task, 0, "test", 5, 32, torch.device("cpu"))
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


def test_evaluation_turns_dropout_off(task, model):
    model.train()
    scores = [evaluate(model, task, 0, "test", 5, 32, torch.device("cpu")) for _ in range(2)]
    assert astuple(scores[0]) == astuple(scores[1])


def test_scores_do_not_depend_on_how_sequences_are_batched(task, model, monkeypatch):
    whole = evaluate(model, task, 0, "test", 5, 250, torch.device("cpu"))
    sums = [model.eval().sums(batch) for batch in batches(task, 0, "test", 5, [250])]
    parts = [
        model.sums(batch._replace(**{k: v[i::2] for k, v in batch._asdict().items() if v is not None}))
        for batch in batches(task, 0, "test", 5, [250])
        for i in (0, 1)
    ]
    assert sum(part.right for part in parts) == sums[0].right
    assert whole.accuracy == sums[0].right / sums[0].entries
    assert sum(part.loss for part in parts) == pytest.approx(sums[0].loss)


def test_lengths_stay_on_the_cpu_when_a_batch_moves():
    batch = next(batches(build_task("adding", {"variant": "hochreiter"}), 0, "train", 20, [4]))
    moved = to_device(batch, torch.device("meta"))
    assert moved.inputs.device.type == "meta"
    assert moved.lengths is batch.lengths


@pytest.mark.parametrize(("sequences", "sizes"), [(3, [3]), (250, [250]), (501, [250, 250, 1])])
def test_exactly_as_many_sequences_count_as_were_asked(task, model, monkeypatch, sequences, sizes):
    seen = []
    monkeypatch.setattr(model, "sums", lambda batch: seen.append(len(batch.inputs)) or Sums(1.0, 1, 1, 1, 1, 1))
    evaluate(model, task, 0, "test", 5, sequences, CPU)
    assert seen == sizes


@pytest.mark.parametrize(("precision", "mixed"), [("32", False), ("bf16-mixed", True)])
def test_evaluation_computes_as_training_does(task, model, precision, mixed):
    seen = set()
    model.head.register_forward_hook(lambda module, given, answer: seen.add(answer.dtype))
    evaluate(model, task, 0, "test", 5, 8, CPU, precision)
    assert seen == {torch.bfloat16 if mixed else torch.float32}


@pytest.mark.parametrize(
    ("precision", "device", "reason"),
    [
        ("16-mixed", "cpu", "16-mixed needs a CUDA GPU; on other devices there is bf16-mixed"),
        ("16-mixed", "mps", "16-mixed needs a CUDA GPU"),
        ("64", "mps", "mps has no 64-bit numbers: --precision 32, or --device cpu"),
    ],
)
def test_a_precision_that_a_device_does_not_have_is_refused(precision, device, reason):
    with pytest.raises(RefusedError, match=reason):
        refuse_precision(precision, torch.device(device))


@pytest.mark.parametrize(
    ("precision", "device"), [("64", "cpu"), ("16-mixed", "cuda"), ("bf16-mixed", "mps"), ("32", "mps")]
)
def test_a_precision_that_a_device_has_is_not_refused(precision, device):
    refuse_precision(precision, torch.device(device))


def test_a_task_of_whole_sequences_is_scored_by_exact_match(task, model):
    steps = evaluate(model, task, 0, "test", 5, 40, CPU)
    task.accuracy_over = "sequences"
    sequences = evaluate(model, task, 0, "test", 5, 40, CPU)
    assert sequences.accuracy == sequences.exact_match == steps.exact_match
    assert steps.accuracy > steps.exact_match
