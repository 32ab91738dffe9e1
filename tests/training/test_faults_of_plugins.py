"""Faults that plugins have in common: each ends with one line that says what was seen and what to write."""

import pytest
import torch

from harness.run import run

HEAD = """
import numpy as np
import torch
from torch import nn


class Base(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = nn.GRU(input_size, hidden_size, batch_first=True)

    def forward(self, x):
        return self.rnn(x)[0]

"""

CELLS = {
    "seeds torch itself": """
class Cell(Base):
    def __init__(self, input_size, hidden_size):
        torch.manual_seed(42)
        super().__init__(input_size, hidden_size)
""",
    "has fixed weights": """
class Cell(Base):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.1)
""",
    "says that it starts alike": """
class Cell(Base):
    fixed_start = True

    def __init__(self, input_size, hidden_size):
        torch.manual_seed(42)
        super().__init__(input_size, hidden_size)
""",
    "draws weights by numpy": """
class Cell(Base):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        drawn = np.random.randn(3 * hidden_size, hidden_size)
        for name, parameter in self.named_parameters():
            parameter.data = torch.ones_like(parameter)
        self.rnn.weight_hh_l0.data = torch.as_tensor(drawn).float()
""",
    "keeps its state": """
class Cell(Base):
    state = None

    def forward(self, x):
        if self.state is not None and self.state.size(1) != x.size(0):
            self.state = None
        out, state = self.rnn(x, self.state)
        self.state = state.detach()
        return out
""",
    "loops over rows": """
class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.size, self.cell = hidden_size, nn.GRUCell(input_size, hidden_size)

    def forward(self, input):
        state, out = input.new_zeros(input.size(1), self.size), []
        for x in input:
            state = self.cell(x, state)
            out.append(state)
        return torch.stack(out)
""",
    "returns float64": """
class Cell(Base):
    def forward(self, x):
        return super().forward(x).double()
""",
    "returns complex numbers": """
class Cell(Base):
    def forward(self, x):
        return super().forward(x).to(torch.cfloat)
""",
    "needs eight steps": """
class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.conv = nn.Conv1d(input_size, hidden_size, 8)

    def forward(self, x):
        y = self.conv(x.transpose(1, 2))
        return torch.cat([y.new_zeros(*y.shape[:2], 7), y], 2).transpose(1, 2)
""",
    "has complex weights": """
class Cell(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(input_size, hidden_size, dtype=torch.cfloat) * 0.1)

    def forward(self, x):
        out = (x.to(torch.cfloat) @ self.weight).cumsum(1)
        return torch.cat([out.real, out.imag], 2)
""",
    "goes elsewhere": """
import os

os.chdir("/")


class Cell(Base):
    pass
""",
}


@pytest.fixture
def trained(small, tmp_path):
    """The record of a run of one of the CELLS, or of a task."""

    def train(name="", seed=0, text="", **changes):
        if name:
            changes["architecture"] = str(tmp_path / f"{name.replace(' ', '_')}.py") + ":Cell"
            (tmp_path / f"{name.replace(' ', '_')}.py").write_text(HEAD + CELLS[name])
        if text:
            changes["task"] = str(tmp_path / "task.py")
            (tmp_path / "task.py").write_text(text)
        return run(small(seed=seed, **changes), torch.device("cpu"))

    return train


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("seeds torch itself", "its parameters start the same at every seed"),
        ("has fixed weights", "declare fixed_start = True"),
        ("keeps its state", "two calls on the same input gave outputs that differ"),
        ("loops over rows", "It seems to take time first"),
        ("returns float64", "its outputs are float64, and the head takes float32: end forward with out.to(x.dtype)"),
        ("returns complex numbers", "its outputs are complex64, and the head takes float32: return the real part"),
    ],
)
@pytest.mark.parametrize("task", ["copy", "parity"])
def test_what_breaks_a_rule_is_refused_with_the_rule(trained, name, said, task):
    record = trained(name, task=task, task_label=task)
    assert record.status == "refused"
    assert said in record.reason
    assert len(record.reason.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["says that it starts alike", "draws weights by numpy", "needs eight steps", "has complex weights"]
)
def test_what_keeps_the_rules_is_trained(trained, name):
    assert (trained(name).status, trained(name).reason) == ("ok", "")


def test_the_head_starts_anew_at_every_seed_though_the_constructor_seeds_torch(trained):
    first, again, other = (trained("says that it starts alike", seed) for seed in (0, 0, 1))

    assert first.scores == again.scores
    assert first.scores != other.scores


def test_numpys_weights_are_the_same_at_one_seed(trained):
    assert trained("draws weights by numpy").scores == trained("draws weights by numpy").scores


def test_the_folder_that_a_plugin_goes_to_is_left_again(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = trained("goes elsewhere")
    assert record.status == "ok"
    assert [note.partition(":")[0] for note in record.notes] == ["working folder"]


TASK = """
import torch
from harness import Batch, Classes, Task, Tokens, Vectors


class Mine(Task):
    inputs, targets = {inputs}, Classes(4)

    def sample(self, generator, batch_size, length):
        symbols = torch.randint(0, 4, (batch_size, length), generator=generator)
        inputs, targets, mask, lengths = symbols, symbols.clone(), torch.ones(batch_size, length).bool(), None
        {change}
        return {returns}

    def chance(self, length):
        return 0.25
"""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"change": "mask = mask.byte()"}, "mask as uint8 of shape (1, 3); it must be a tensor of bool"),
        ({"change": "targets = targets.int()"}, "targets as int32 of shape (1, 3); it must be a tensor of int64"),
        ({"change": "lengths = [length] * batch_size"}, "lengths as a list"),
        ({"change": "inputs = inputs.tolist()"}, "inputs as a list"),
        (
            {"inputs": "Vectors(4)", "change": "inputs = torch.nn.functional.one_hot(inputs, 4).double()"},
            "inputs as float64 of shape (1, 3, 4)",
        ),
        ({"returns": "inputs, targets, mask"}, "returned a tuple, not a harness.Batch"),
    ],
)
def test_a_batch_of_other_types_is_told_as_the_tasks_fault(trained, changes, said):
    parts = {"inputs": "Tokens(4)", "change": "", "returns": "Batch(inputs, targets, mask, lengths)", **changes}
    record = trained(text=TASK.format(**parts))
    assert record.status == "error"
    assert record.reason.startswith("Mine.sample (task.py:6) returned ")
    assert said in record.reason


SCHEDULERS = {
    "slurm": {
        "SLURM_NTASKS": "4",
        "SLURM_JOB_NAME": "train",
        "SLURM_JOB_ID": "12",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "0",
    },
    "lsf": {
        "LSB_JOBID": "1",
        "LSB_DJOB_RANKFILE": "/nonexistent",
        "JSM_NAMESPACE_LOCAL_RANK": "0",
        "JSM_NAMESPACE_SIZE": "4",
        "JSM_NAMESPACE_RANK": "0",
    },
    "torchrun": {
        "RANK": "1",
        "LOCAL_RANK": "1",
        "GROUP_RANK": "0",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "4",
        "TORCHELASTIC_RUN_ID": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29500",
    },
    "kubeflow": {
        "KUBERNETES_PORT": "tcp://127.0.0.1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29500",
        "WORLD_SIZE": "4",
        "RANK": "0",
    },
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_run_inside_a_schedulers_job_is_one_process(trained, scheduler, monkeypatch):
    expected = trained()
    for name, value in SCHEDULERS[scheduler].items():
        monkeypatch.setenv(name, value)
    record = trained()
    assert (record.status, record.reason) == ("ok", "")
    assert record.scores == expected.scores
