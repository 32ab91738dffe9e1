"""One run: the record it ends as, whatever happens, and that the same spec gives the same record."""

import json
import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy
import pytest
import torch

import harness.training.evaluate
from harness.discovery.compose import compose
from harness.discovery.variants import architecture_variants
from harness.errors import DivergedError
from harness.record import TIMES, as_json
from harness.run import outcome, run
from harness.spec import RunSpec
from harness.training.model import Model

CPU = torch.device("cpu")
GOLDEN = Path(__file__).parent / "golden" / "lstm_copy_20_steps.txt"


def comparable(record):
    """What must be the same every time; times and speeds are not."""
    content = asdict(record)
    for name in (*TIMES, "environment"):
        del content[name]
    return content


def plugin(folder, body, constructor="pass"):
    """A loose file with an RNN whose forward runs `body` first."""
    path = folder / "cell.py"
    path.write_text(
        "import os, sys, torch\nfrom torch import nn\n"
        "class Cell(nn.Module):\n"
        "    def __init__(self, input_size, hidden_size):\n"
        "        super().__init__()\n"
        f"        {constructor}\n"
        "        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)\n"
        "        self.calls = 0\n"
        "    def forward(self, x):\n"
        "        self.calls += torch.is_grad_enabled()\n"
        f"        {body}\n"
        "        return self.rnn(x)\n"
    )
    return str(path)


def test_a_finished_run_holds_all_that_a_report_needs(small):
    record = run(small(test_lengths=(5,)), CPU)
    assert (record.status, record.steps, record.steps_per_sequence) == ("ok", 6, 23)
    assert set(record.scores) == {3, 5}
    assert record.chance == 0.125
    assert record.parameters == {"embedding": 0, "architecture": 4 * (10 * 8 + 8 * 8 + 16), "head": 81}
    assert record.state_size == 16
    assert record.environment["device"] == "cpu"
    assert record.environment["threads"] == "1"
    assert record.environment["denormals_flushed"] == "true"
    assert record.environment["version.torch"] == torch.__version__


@pytest.mark.parametrize("architecture", ["lstm", "deep:gru", "bidirectional:rnn"])
def test_the_same_spec_gives_the_same_record_bit_for_bit(small, architecture):
    options = {"deep.dropout": 0.3} if architecture.startswith("deep") else {}
    spec = small(architecture=architecture, architecture_options=options)
    first = run(spec, CPU)
    torch.rand(7)  # the state of the global generator has no say
    assert comparable(run(spec, CPU)) == comparable(first)


def test_another_seed_gives_another_record(small):
    assert run(small(), CPU).curve != run(small(seed=1), CPU).curve


def test_a_run_leaves_threads_generators_and_denormals_as_they_were(small):
    torch.set_num_threads(2)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    run(small(), CPU)
    assert torch.get_num_threads() == 2
    assert torch.equal(before, torch.get_rng_state())
    torch.set_num_threads(1)


def test_twenty_steps_of_training_are_as_they_have_always_been(small):
    """Guards the loop against refactors: a change here means a new IDENTITY_VERSION."""
    sizes = {"hidden_size": 16, "batch_size": 8, "steps": 20, "validate_every": 1}
    record = run(small(length=10, seed=1, lr=0.01, optimizer="adam", beta2=0.95, clip=0.05, **sizes), CPU)
    now = [point.train_loss for point in record.curve]
    then = [float(line) for line in GOLDEN.read_text().split()]
    assert now == pytest.approx(then, rel=1e-5)  # processors differ in the last bits


def test_test_data_is_touched_once_and_last(small, monkeypatch):
    order = []
    sample = harness.training.evaluate.batches

    def observed(task, seed, split, length, sizes):
        order.append((split, length))
        return sample(task, seed, split, length, sizes)

    monkeypatch.setattr(harness.training.evaluate, "batches", observed)
    monkeypatch.setattr("harness.training.train.batches", observed)
    run(small(test_lengths=(5,)), CPU)
    splits = [split for split, _ in order if split != "train"]  # Lightning may begin the training stream twice
    assert splits == ["validation", "validation", "test", "test"]
    assert order[0] == ("train", range(3, 4))
    assert {length for split, length in order if split != "test"} == {range(3, 4)}


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("raise RuntimeError('no luck')", "error", "RuntimeError: no luck (cell.py:11)"),
        ("raise RuntimeError", "error", "RuntimeError (cell.py:11)"),
        ("torch.ones(2) @ torch.ones(3)", "error", " (cell.py:11)"),
        ("if self.calls > 3: raise ValueError('after three')", "error", "ValueError: after three"),
        ("if self.calls > 3: x = x * float('nan')", "diverged", "the loss became nan at step 4"),
        ("x = x * float('inf')", "refused", "not finite"),
        ("if self.calls > 3: sys.exit(1)", "error", "called sys.exit(1) (cell.py:11)"),
        ("if self.calls > 3: raise KeyboardInterrupt", "interrupted", "Ctrl-C"),
        ("if self.calls > 3: raise MemoryError", "out_of_memory", "MemoryError"),
        ("if self.calls > 3: torch.empty(10**14)", "out_of_memory", "can't allocate memory"),
        ("x = x + x.mean(0, keepdim=True)", "refused", "rows of a batch must not see each other"),
        ("x = x.transpose(0, 1).contiguous()", "refused", "batch first"),
    ],
)
def test_whatever_a_plugin_does_becomes_a_status_and_a_reason(small, tmp_path, body, status, reason):
    record = run(small(architecture=plugin(tmp_path, body)), CPU)
    assert record.status == status
    assert reason in record.reason
    assert "\n" not in record.reason
    assert bool(record.traceback) == (status == "error")
    assert record.accuracy is None


def test_a_constructor_that_raises_is_an_error_with_its_traceback(small, tmp_path):
    record = run(small(architecture=plugin(tmp_path, "pass", "raise OSError('no weights')")), CPU)
    assert (record.status, record.reason) == ("error", "OSError: no weights (cell.py:6)")
    assert "cell.py" in record.traceback


def test_a_run_that_breaks_keeps_what_it_had_measured(small, tmp_path):
    record = run(small(architecture=plugin(tmp_path, "if self.calls > 4: raise RuntimeError"), validate_every=2), CPU)
    assert [point.step for point in record.curve] == [2, 4]
    assert record.steps == 4


def test_a_model_that_looks_ahead_is_refused_where_it_may_not(small):
    spec = small(architecture="bidirectional:gru", task="parentheses", task_options={"variant": "next"}, length=8)
    record = run(spec, CPU)
    assert record.status == "refused"
    assert "looks ahead" in record.reason


def test_precision_is_what_was_asked(small):
    coarse, fine = run(small(), CPU), run(small(precision="64"), CPU)
    assert fine.status == "ok"
    assert fine.curve != coarse.curve
    assert fine.curve[0].train_loss == pytest.approx(coarse.curve[0].train_loss, rel=1e-3)


def test_no_exception_is_without_a_status():
    assert outcome(DivergedError("x"))[0] == "diverged"
    assert outcome(RuntimeError())[0] == "error"
    assert outcome(GeneratorExit())[0] == "error"


def test_what_was_asked_is_on_record_beside_what_was_resolved(small):
    spec = replace(small(), asked={"steps": 6})
    assert run(spec, CPU).spec.asked == {"steps": 6}


def test_a_step_that_raises_is_told_with_its_line_though_the_core_calls_it(small, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(
        "from harness import CellArchitecture\n\n\nclass Cell(CellArchitecture):\n"
        "    def step(self, x, state):\n        return self.missing(x), state\n"
    )
    reason = run(small(architecture=f"deep:{path}", architecture_options={}), CPU).reason
    assert reason == "AttributeError: 'Cell' object has no attribute 'missing' (cell.py:6)"


def test_the_same_spec_gives_the_same_weights_from_whichever_generator(small, tmp_path):
    constructor = "import random, numpy; self.scale = random.random() + numpy.random.rand()"
    spec = small(architecture=plugin(tmp_path, "x = x * self.scale", constructor))
    before = random.getstate(), numpy.random.get_state()[1].tolist()
    first = run(spec, CPU)
    assert (random.getstate(), numpy.random.get_state()[1].tolist()) == before
    random.random(), numpy.random.rand()
    assert first.status == "ok"
    assert comparable(run(spec, CPU)) == comparable(first)
    assert run(replace(spec, seed=1), CPU).curve != first.curve


def test_a_plain_module_has_a_state_of_unknown_size(small, tmp_path):
    record = run(small(architecture=plugin(tmp_path, "pass")), CPU)
    assert (record.status, record.state_size) == ("ok", None)
    assert json.loads(json.dumps(as_json(record)))["state_size"] is None


def test_a_fixed_option_reaches_a_worker_as_the_constructor_has_it(small, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(
        "from torch import nn\n\n\nclass Cell(nn.GRU):\n"
        "    def __init__(self, input_size, hidden_size, *, kernels: tuple[int, ...] = (3, 3), act=abs):\n"
        "        assert (kernels, act) == ((3, 3), abs)\n"
        "        super().__init__(input_size, hidden_size, batch_first=True)\n"
    )
    (variant,) = architecture_variants(compose(str(path)), {})
    assert variant.options == {"cell.kernels": [3, 3]}
    spec = small(architecture=str(path), architecture_options=variant.options)
    assert run(RunSpec.from_json(spec.to_json()), CPU).status == "ok"


@pytest.mark.parametrize(("precision", "mixed"), [("32", False), ("bf16-mixed", True)])
def test_validation_and_test_are_computed_as_training_is(small, monkeypatch, precision, mixed):
    seen = []
    sums = Model.sums
    monkeypatch.setattr(Model, "sums", lambda *given: seen.append(torch.is_autocast_enabled("cpu")) or sums(*given))
    assert run(small(precision=precision), CPU).status == "ok"
    assert seen == [mixed] * 3  # twice on validation data, once on test data
