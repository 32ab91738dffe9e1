"""The plan, shown without running it."""

from dataclasses import replace

import pytest
import torch

from harness.sweeps.preview import _now, preview
from harness.training.build import build_model, build_task

CPU = torch.device("cpu")


def test_what_is_done_is_not_to_be_done(small):
    runs = [small(length=length, seed=seed) for length in (2, 4) for seed in (0, 1)]
    (row,) = preview(runs, {runs[0].identity}, CPU)
    assert (row.planned, row.done, row.trouble) == (4, 1, "")
    assert row.seconds > 0
    (finished,) = preview(runs, {run.identity for run in runs}, CPU)
    assert finished.seconds == 0


def test_the_time_grows_with_the_work(small):
    few, many = ([small(length=20, steps=steps, batch_size=32)] for steps in (10, 1000))
    assert preview(many, set(), CPU)[0].seconds > 10 * preview(few, set(), CPU)[0].seconds


def test_each_architecture_on_each_task_is_a_row(small):
    runs = [small(), small(architecture="gru", label="gru"), small(task="adding", task_label="adding", length=4)]
    assert [(row.task_label, row.label) for row in preview(runs, set(), CPU)] == [
        ("copy", "lstm"),
        ("copy", "gru"),
        ("adding", "lstm"),
    ]


def test_sizes_are_known_before_anything_is_trained(small):
    (row,) = preview([small(hidden_size=8), small(hidden_size=9, length=9)], set(), CPU)
    model = build_model(small(hidden_size=8), build_task("copy", {}))
    assert (row.parameters, row.hidden_sizes) == (sum(p.numel() for p in model.parameters()), (8, 9))
    assert row.state_size == 16  # h and c


def test_a_refusal_is_told_and_harms_no_other_row(small):
    options = {"task": "parentheses", "task_options": {"variant": "next"}, "task_label": "next", "length": 8}
    refused, fine = preview(
        [small(architecture="bidirectional:gru", label="b", **options), small(**options)], set(), CPU
    )
    assert refused.trouble.startswith("refused: ")
    assert "looks ahead" in refused.trouble
    assert (fine.trouble, refused.seconds) == ("", 0.0)


def test_a_plugin_that_fails_is_told(small, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(
        "from torch import nn\nclass Cell(nn.Module):\n    def __init__(self, input_size, hidden_size):\n"
        "        super().__init__()\n        raise OSError('no weights')\n"
    )
    (row,) = preview([replace(small(), architecture=str(path))], set(), CPU)
    assert row.trouble == "error: OSError: no weights (cell.py:5)"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5400, "1.5 h")])
def test_durations_read_as_people_say_them(seconds, text):
    from harness.cli._dry_run import duration

    assert duration(seconds) == text


def test_a_plugin_that_leaves_is_told(small, tmp_path):
    path = tmp_path / "cell.py"
    path.write_text("import sys\ndef make(input_size, hidden_size):\n    sys.exit(3)\n")
    (row,) = preview([replace(small(), architecture=f"{path}:make")], set(), CPU)
    assert row.trouble == "error: the plugin called sys.exit(3) (cell.py:3)"


@pytest.mark.parametrize(("precision", "dtype"), [("64", "torch.float64"), ("bf16-mixed", "torch.bfloat16")])
def test_a_preview_times_steps_at_the_precision_asked(small, tmp_path, precision, dtype):
    path = tmp_path / "cell.py"
    path.write_text(
        "import torch\nfrom torch import nn\nclass Cell(nn.Linear):\n    def __init__(self, input_size, hidden_size):\n"
        "        super().__init__(input_size, hidden_size)\n"
        "    def forward(self, x):\n        out = super().forward(x)\n"
        "        if torch.is_grad_enabled():\n            raise TypeError(out.dtype)\n        return out\n"
    )
    (row,) = preview([small(precision=precision, architecture=str(path))], set(), CPU)
    assert row.trouble == f"error: TypeError: {dtype} (cell.py:9)"


def test_a_precision_that_is_not_there_is_told(small):
    (row,) = preview([small(precision="16-mixed")], set(), CPU)
    assert row.trouble.startswith("refused: 16-mixed needs a CUDA GPU")


def test_the_clock_waits_for_an_accelerator_and_not_for_the_cpu(monkeypatch):
    waits = []
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: waits.append(1))
    _now(CPU)
    assert not waits
    _now(torch.device("cuda"))
    assert waits


@pytest.mark.parametrize(
    ("architecture", "execution", "gain"),
    [("mgu", "eager", 4.0), ("deep:mgu", "eager", 4.0), ("mgu", "compile", None), ("lstm", "eager", None)],
)
def test_a_cell_that_would_be_faster_compiled_is_named(small, monkeypatch, architecture, execution, gain):
    paces = iter([1.0, 0.25])
    monkeypatch.setattr("harness.sweeps.preview._pace", lambda step, task: next(paces))
    (row,) = preview([small(architecture=architecture, execution=execution)], set(), CPU)
    assert (row.compiled, row.trouble) == (gain, "")


def test_a_small_gain_is_not_worth_a_word(small, monkeypatch):
    paces = iter([1.0, 0.9])
    monkeypatch.setattr("harness.sweeps.preview._pace", lambda step, task: next(paces))
    (row,) = preview([small(architecture="mgu")], set(), CPU)
    assert row.compiled is None
