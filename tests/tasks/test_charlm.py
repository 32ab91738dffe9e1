"""The character-level language model: its text, its splits, its answers, and which texts are refused."""

import math

import pytest
import torch
from harness.tasks.charlm import CharLM

from harness.cli.main import main
from harness.run import run

CPU = torch.device("cpu")
SPLITS = ("train", "validation", "test")


@pytest.fixture
def numbered(tmp_path):
    """A text in which every place can be told."""
    path = tmp_path / "numbered.txt"
    path.write_text(" ".join(f"{number:04}" for number in range(400)))
    return str(path)


def test_the_target_is_the_next_character_and_the_last_one_is_scored(numbered):
    task = CharLM(path=numbered)
    batch = task.sample(torch.Generator().manual_seed(0), 5, 7)
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert batch.mask.nonzero()[:, 1].tolist() == [6] * 5
    assert batch.loss_mask.all()
    assert task.text_of(batch.inputs[0].tolist()) in task.text


def test_held_out_data_is_of_other_parts_of_the_text(numbered):
    task, places = CharLM(path=numbered), {}
    for split in SPLITS:
        batch = task.sample_from(split, torch.Generator().manual_seed(0), 300, 9)
        places[split] = [task.text.index(task.text_of(row.tolist())) for row in batch.inputs]
    assert max(places["train"]) < min(places["validation"])
    assert max(places["validation"]) < min(places["test"])


def test_characters_beyond_the_most_frequent_are_one_symbol(tmp_path):
    path = tmp_path / "many.txt"
    path.write_text("".join(chr(number) * (2 if number < 1255 else 1) for number in range(1000, 1400)))
    task = CharLM(path=str(path))
    assert task.inputs.size == 256
    assert task.encoded(chr(1399)).tolist() == [0]
    assert task.text_of(task.encoded(chr(1001)).tolist()) == chr(1001)


def test_the_digest_is_of_the_text_and_not_of_its_place(tmp_path):
    for name, text in (("a", "one text\n"), ("b", "one text\n"), ("c", "two text\n")):
        (tmp_path / name).write_text(text * 10)
    a, b, c = (CharLM(path=str(tmp_path / name)).data for name in "abc")
    assert a == b != c


def test_another_text_is_another_run_and_a_changed_one_is_refused(folder, small):
    from harness.spec import SweepSpec
    from harness.sweeps.plan import plan

    def planned():
        (spec,) = plan(SweepSpec(("gru",), ("charlm",), (3,), options={"path": ("t.txt",)}, settings={"steps": 2}))
        return spec

    (folder / "t.txt").write_text("the first text " * 20)
    before = planned()
    (folder / "t.txt").write_text("another text " * 20)
    assert planned().identity != before.identity
    record = run(before, CPU)
    assert record.status == "error"
    assert "has changed since the run was planned" in record.reason


def test_a_model_that_looks_ahead_is_refused_with_the_reason(small):
    record = run(small(architecture="bidirectional:gru", task="charlm"), CPU)
    assert (record.status, record.weights) == ("refused", b"")
    assert "looks ahead" in record.reason


def test_bits_are_those_of_the_scored_steps(small):
    record = run(small(task="charlm", length=1), CPU)
    scores = record.scores[1]
    assert scores.bits == pytest.approx(scores.loss / math.log(2), rel=1e-5)  # of one step: the loss is over the same
    assert run(small(task="adding"), CPU).scores[3].bits is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"\x00\x01\x02", "is binary"),
        (b"caf\xe9 ol\xe9", "is not UTF-8 (byte 3)"),
        (b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "one kind of character"),
        (b"a short one", "20 are the fewest"),
        (b"long enough, but only for short lengths", "is too short"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_text_that_cannot_be_learned_from_is_refused_before_anything_runs(folder, capsys, content, said):
    if content is not None:
        (folder / "t.txt").write_bytes(content)
    assert main(["run", "--arch", "lstm", "--task", "charlm", "--length", "20", "--set", "path=t.txt"]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert len(complaint.splitlines()) <= 3
    assert not (folder / "mlflow.db").exists()


def test_a_length_beyond_the_text_is_refused(numbered):
    with pytest.raises(ValueError, match="too short"):
        CharLM(path=numbered).refuse_length(5000)
