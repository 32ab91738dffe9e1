"""Text written by a trained model: from the run to the prompt to the characters."""

import pytest
import torch

from harness.cli.main import main
from harness.discovery.compose import build_architecture
from harness.training.build import build_task
from harness.training.model import Model
from harness.training.sampling import written


@pytest.fixture
def made(folder):
    (folder / "t.txt").write_text("abcdefgh " * 100)
    task = build_task("charlm", {"path": "t.txt"})
    torch.manual_seed(0)
    return Model(build_architecture("lstm", task.inputs.size, 8), task).eval(), task


def test_carrying_the_state_is_reading_everything_again(made):
    model, task = made
    text = "abc" + task.text_of(written(model, task, task.prompt("abc"), 12, 0, 0))
    for end in range(3, len(text)):
        scores = model(task.encoded(text[:end]).unsqueeze(0))[0][0, -1, 0]
        scores[0] = -torch.inf
        assert task.text_of([int(scores.argmax())]) == text[end]


def test_the_seed_decides_what_is_written(made):
    model, task = made
    one, again, other = (written(model, task, task.prompt("abc"), 30, 1.0, seed) for seed in (0, 0, 1))
    assert one == again != other


def test_a_run_of_text_can_be_sampled_and_others_say_why_not(folder, store_uri, capsys):
    (folder / "t.txt").write_text("abcdefgh " * 100)
    few = ["--steps", "2", "--validation-sequences", "8", "--test-sequences", "8", "--engine", "inline", "--quiet"]
    for arch, task in (("gru", "charlm"), ("transformer", "charlm"), ("gru", "copy")):
        path = ["--set", "path=t.txt"] if task == "charlm" else []
        assert main(["run", "--arch", arch, "--task", task, "--length", "4", *path, *few]) == 0
    capsys.readouterr()
    assert main(["sample"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 2
    runs = {line.split()[1]: line.split()[0] for line in listed}
    for name in ("gru", "transformer"):  # the latter has no state, and reads the last four characters again
        assert main(["sample", runs[name], "--prompt", "abc", "--length", "9"]) == 0
        said = capsys.readouterr().out
        assert said.startswith("abc")
        assert len(said) == 3 + 9 + 1
    for arguments, complaint in (
        ([runs["gru"], "--prompt", "xyz"], "'x' 'y' 'z' is no character of the text"),
        ([runs["gru"]], "--prompt is empty"),
        (["deadbeef", "--prompt", "a"], "No run in"),
    ):
        assert main(["sample", *arguments]) == 2
        assert complaint in capsys.readouterr().err
