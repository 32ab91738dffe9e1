"""Weights of trained models: kept as safetensors, read back bit for bit, refused where they are none."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from harness.cli.main import main
from harness.discovery.compose import build_architecture
from harness.errors import UsageError
from harness.run import run
from harness.training import weights
from harness.training.build import build_task
from harness.training.evaluate import evaluate
from harness.training.weights import from_bytes, to_bytes, trained_model

CPU = torch.device("cpu")
FEW = ["--steps", "2", "--validation-sequences", "8", "--test-sequences", "8", "--engine", "inline", "--quiet"]


@pytest.mark.parametrize("name", ["lstm", "lru", "deep:gru", "transformer", "tcn"])
def test_weights_come_back_bit_for_bit(name):
    torch.manual_seed(0)
    one = build_architecture(name, 3, 8, max_length=10)
    other = build_architecture(name, 3, 8, max_length=10)
    from_bytes(other, to_bytes(one))
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def test_values_that_are_no_numbers_and_other_types_come_back_too():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            for name, value in {
                "nan": torch.tensor([float("nan"), float("inf"), -0.0]),
                "complex128": torch.tensor([[1 + 2j]], dtype=torch.complex128),
                "bfloat": torch.tensor([0.1], dtype=torch.bfloat16),
                "flag": torch.tensor(True),
                "empty": torch.zeros(0, 3),
                "turned": torch.arange(6.0).reshape(2, 3).t(),
            }.items():
                self.register_buffer(name, value)
            self.register_buffer("shared", self.turned)

    one, other = Odd(), Odd()
    for value in other.buffers():
        value.zero_()
    from_bytes(other, to_bytes(one))
    assert all(torch.equal(a.isnan(), b.isnan()) for a, b in zip(one.buffers(), other.buffers(), strict=True))
    assert all(torch.equal(a[~a.isnan()], b[~b.isnan()]) for a, b in zip(one.buffers(), other.buffers(), strict=True))


@pytest.mark.parametrize("precision", ["32", "64"])
def test_a_run_s_model_scores_what_the_run_scored(small, precision):
    spec = small(precision=precision)
    record = run(spec, CPU)
    model, task = trained_model(spec, record.weights), build_task(spec.task, spec.task_options)
    again = evaluate(model, task, spec.seed, "test", spec.length, spec.test_sequences, CPU, precision)
    assert again == record.scores[spec.length]


def test_the_policy_decides_what_is_kept(small, monkeypatch):
    spec = small(steps=1)
    assert run(replace(spec, keep_weights="none"), CPU).weights == b""
    monkeypatch.setattr(weights, "KEPT_UP_TO", 10)
    assert run(spec, CPU).weights == b""
    assert run(replace(spec, keep_weights="all"), CPU).weights


@pytest.mark.parametrize("broken", [b"", b"no weights", b"\x80\x04\x95", b"\xff" * 16, b"\x02\0\0\0\0\0\0\0{}"])
def test_what_are_no_weights_is_refused_in_one_line(broken):
    with pytest.raises(UsageError) as refusal:
        from_bytes(nn.Linear(2, 2), broken)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_weights_that_were_cut_short_are_refused(cut):
    with pytest.raises(UsageError, match="no weights in the safetensors format"):
        from_bytes(nn.Linear(2, 2), to_bytes(nn.Linear(2, 2))[:-cut])


def test_weights_of_another_model_are_refused_and_change_nothing():
    model = nn.Linear(2, 2)
    before = model.weight.clone()
    for other in (nn.Linear(3, 2), nn.Linear(2, 2, bias=False), nn.Linear(2, 2).double(), nn.Sequential(model)):
        with pytest.raises(UsageError, match="of another model: it differs in "):
            from_bytes(model, to_bytes(other))
    assert torch.equal(model.weight, before)


def test_show_says_where_the_weights_are(folder, store_uri, capsys):
    assert main(["run", "--arch", "gru", "--task", "copy", "--length", "3", *FEW, "--json"]) == 0
    run_id = json.loads(capsys.readouterr().out)[0]["identity"]
    assert main(["show", run_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    with open(shown["weights"], "rb") as file:
        kept = file.read()
    again = run_of(shown)
    assert to_bytes(trained_model(again, kept)) == kept
    assert main(["show", run_id]) == 0
    assert f"weights: {shown['weights']}\n" in capsys.readouterr().out


def run_of(shown):
    from harness.spec import RunSpec

    return RunSpec.from_json(json.dumps(shown["spec"]))


def test_a_store_that_takes_no_artifacts_is_told_once_and_costs_no_run(folder, store_uri, capsys):
    (folder / "mlartifacts").write_text("a file where the folder should be")
    few = [flag for flag in FEW if flag != "--quiet"]
    assert main(["run", "--arch", "gru", "--task", "copy", "--length", "3", "--seeds", "2", *few]) == 0
    told = capsys.readouterr().err
    assert told.count("The store takes no weights") == 1
    assert main(["status", "--json"]) == 0
    assert '"ok": 2' in capsys.readouterr().out
