"""Frames: one-hot inputs and learned embeddings, from the flag to the model, the identity and the reports."""

import json
import re

import pytest
import torch
from torch import nn

from harness.analysis.aggregation import summarise
from harness.analysis.verdict import frames
from harness.cli.main import main
from harness.discovery import registry
from harness.report import Results
from harness.run import run
from harness.spec import RunSpec, SweepSpec
from harness.sweeps.plan import plan
from harness.task import Tokens, Vectors
from harness.training.build import build_model, build_task
from harness.training.frame import embedding_of, embedding_size
from harness.training.optimizer import make_optimizer

CPU = torch.device("cpu")
EMBEDS = '''
"""A task of a large alphabet, whose frame is a learned embedding by default."""
import torch
from harness import Batch, Classes, Task, Tokens


class Wide(Task):
    inputs, targets, readout = Tokens(50, embed=7), Classes(2), "last"

    def sample(self, generator, batch_size, length):
        steps = torch.randint(50, (batch_size, length), generator=generator)
        return Batch(steps, steps[:, :1] % 2, torch.ones(batch_size, 1, dtype=torch.bool))

    def chance(self, length):
        return 0.5
'''


@pytest.mark.parametrize(
    ("inputs", "asked", "expected", "size"),
    [
        (Tokens(10), None, "one-hot", 10),
        (Tokens(10), "learned", "learned:32", 32),
        (Tokens(10), "learned:5", "learned:5", 5),
        (Tokens(10, embed=64), None, "learned:64", 64),
        (Tokens(10, embed=64), "learned", "learned:64", 64),
        (Tokens(10, embed=64), "one-hot", "one-hot", 10),
        (Vectors(2), None, "none", 2),
        (Vectors(2), "learned:5", "none", 2),
    ],
)
def test_the_frame_is_what_was_asked_or_what_the_task_has(inputs, asked, expected, size):
    assert embedding_of(inputs, asked) == expected
    assert embedding_size(inputs, expected) == size


def test_a_learned_embedding_starts_from_a_normal_distribution_and_is_trained(small):
    spec = small(embedding="learned:16", steps=2)
    task = build_task("copy", {})
    model = build_model(spec, task)
    assert isinstance(model.embedding, nn.Embedding)
    assert model.embedding.weight.shape == (task.inputs.size, 16)
    assert 0.8 < model.embedding.weight.std() < 1.2
    assert model.architecture.input_size == 16
    trained = {id(p) for group in make_optimizer(model, spec).param_groups for p in group["params"]}
    assert id(model.embedding.weight) in trained
    record = run(spec, CPU)
    assert record.parameters["embedding"] == task.inputs.size * 16


def test_the_frame_is_in_the_identity_and_changes_the_result(small):
    one, other = small(), small(embedding="learned:16")
    assert one.identity != other.identity
    assert run(one, CPU).curve != run(other, CPU).curve


def test_parameters_are_matched_with_the_frame_they_are_used_in():
    sweep = SweepSpec(("lstm",), ("copy",), (5,), params=20_000, settings={"embedding": ("one-hot", "learned:64")})
    one_hot, learned = plan(sweep)
    assert one_hot.hidden_size > learned.hidden_size
    for spec in (one_hot, learned):
        model = build_model(spec, build_task("copy", {}))
        assert sum(p.numel() for p in model.parameters()) == pytest.approx(20_000, rel=0.05)


def test_a_task_s_own_embedding_is_its_default(folder):
    (folder / "wide.py").write_text(EMBEDS)
    (spec,) = plan(SweepSpec(("rnn",), ("./wide.py",), (5,)))
    assert spec.embedding == "learned:7"
    (spec,) = plan(SweepSpec(("rnn",), ("./wide.py",), (5,), settings={"embedding": "one-hot"}))
    assert spec.embedding == "one-hot"


def test_two_frames_are_compared_and_each_report_names_them(folder, store_uri, capsys):
    few = ["--steps", "2", "--validation-sequences", "8", "--test-sequences", "8", "--engine", "inline", "--quiet"]
    command = ["run", "--arch", "gru", "--task", "copy", "--length", "3", "--embedding", "one-hot,learned:4", *few]
    assert main([*command, "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)
    assert [run["spec"]["label"] for run in runs] == ["gru embedding=one-hot", "gru embedding=learned:4"]
    assert main(["show", runs[1]["identity"]]) == 0
    shown = capsys.readouterr().out
    assert "embedding: learned:4" in shown
    assert "--embedding learned:4" in shown
    assert main(["report", "--format", "html"]) == 0
    page = "".join(path.read_text() for path in folder.rglob("*.html"))
    rows = re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)
    frames = [row for row in rows if re.search(r">\s*embedding\s*<", row)]
    assert len(frames) == 2
    assert any("one-hot" in row for row in frames)
    assert any("learned:4" in row for row in frames)


def test_the_frame_is_in_the_settings_of_a_sweep_that_asked_for_none(finished):
    module = registry.find("report", "markdown").load().__module__.rpartition(".")[0]
    settings = __import__(f"{module}._settings", fromlist=["settings"]).settings
    shared, _ = settings([finished()])
    assert ["embedding", "one-hot", "default"] in [[cell.text for cell in row] for row in shared.rows]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--task copy --embedding learned:0", "DIM at least 1, got 'learned:0'"),
        ("--task copy --embedding learned:x", "got 'learned:x'"),
        ("--task copy --embedding hot", "--embedding takes one-hot, learned or learned:DIM"),
        ("--task adding --embedding learned", "--embedding is for tasks whose inputs are tokens, and those of adding"),
    ],
)
def test_what_is_no_frame_is_refused(folder, store_uri, capsys, flags, complaint):
    assert main(["run", "--arch", "rnn", "--length", "5", "--engine", "inline", *flags.split()]) == 2
    assert complaint in capsys.readouterr().err


def test_a_spec_of_today_has_a_frame_of_its_own():
    assert RunSpec("lstm", "copy", 3).embedding == "one-hot"


def test_a_sweep_that_mixes_frames_says_so(finished):
    same = summarise(Results([finished(label=label) for label in ("a", "b")])).tasks[0]
    assert frames(same) == ""
    mixed = [finished(label="a"), finished(label="b", embedding="learned:32")]
    said = frames(summarise(Results(mixed)).tasks[0])
    assert said == "Frames differ, and with them the scale of the inputs: one-hot for a; learned:32 for b."


def test_describe_names_the_frame_of_a_task(folder, capsys):
    (folder / "wide.py").write_text(EMBEDS)
    for task, frame in (("copy", "one-hot"), ("./wide.py", "learned:7"), ("adding", "vectors as they are")):
        assert main(["describe", task, "--task"]) == 0
        assert f"frame: {frame}\n" in capsys.readouterr().out
