"""Tasks over a person's own file: what is read, how it is split and kept, and which files are refused."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from harness.tasks._files import lines_of
from harness.tasks.classify import Classify
from harness.tasks.forecast import Forecast
from harness.tasks.tag import Tag

from harness.cli.main import main
from harness.process import cache
from harness.testing import TaskContract

SPLITS = ("train", "validation", "test")


DRAW = random.Random(0)
WORDS = ["".join(DRAW.choices("abcdefghij", k=5)) for _ in range(200)]


def reviews(rows=600):
    """Texts of many words, one of which tells the label."""
    lines = []
    for n in range(rows):
        label, word = ("up", "good") if n % 3 else ("down", "bad")
        words = random.Random(n).choices(WORDS, k=20)
        lines.append(f"{label}\t{' '.join([*words[:5], word, *words[5:]])}\n")
    return "".join(lines)


def sentences(number=400):
    """Every word has one of two tags, which the word before it tells."""
    found = []
    for n in range(number):
        words = random.Random(n).choices(WORDS, k=8 + n % 9)
        hidden = random.Random(-n - 1).choice(WORDS)
        tags = ["A" if before < word else "B" for before, word in zip([hidden, *words], words, strict=False)]
        found.append("".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)))
    return "\n".join(found)


def walk(values=400, level=100):
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(values, generator=generator).cumsum(0).tolist()
    return "day,close,name\n" + "".join(f"d{n},{level + step:.3f},x\n" for n, step in enumerate(steps))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def saved(tmp_path):
    def save(text, name="t.tsv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return save


class TestFiles(TaskContract):
    lengths = (12, 16)
    unfitted_chance = 1.0  # as today: a predictor that looks at a real number, which the fitted one does not

    @pytest.fixture(params=["classify", "words", "tag", "forecast", "changes"])
    def task(self, request, saved):
        return {
            "classify": lambda: Classify(path=saved(reviews())),
            "words": lambda: Classify(path=saved(reviews(900)), unit="word"),
            "tag": lambda: Tag(path=saved(sentences())),
            "forecast": lambda: Forecast(path=saved(walk()), column="close"),
            "changes": lambda: Forecast(path=saved(walk()), of="changes", tolerance=0.5),
        }[request.param]()


def test_a_mark_of_byte_order_windows_line_ends_tabs_in_text_and_empty_lines_are_read(saved):
    plain = "a\tone\nb\ttwo\tthree\na\tfour\n"
    path = saved(b"\xef\xbb\xbf" + b"\r\n\r\n".join(line.encode() for line in plain.splitlines()) + b"\r\n")
    task = Classify(path=path)
    assert [line for _, line in lines_of(Path(path)) if line] == plain.splitlines()
    assert task.target_symbols == ["a", "b"]
    assert task.texts.lengths.tolist() == [3, 9, 4]


def test_a_text_that_stands_there_twice_is_in_one_split(saved):
    task = Classify(path=saved("".join(f"{n % 2}\ttext {n // 2}\n" for n in range(400))))
    texts = {split: {tuple(task.texts.row(n)) for n in task.texts_and_labels.parts.of(split)} for split in SPLITS}
    assert sum(len(task.texts_and_labels.parts.of(split)) for split in SPLITS) == 400
    assert sum(map(len, texts.values())) == len(set.union(*texts.values()))


def test_the_vocabulary_is_that_of_the_training_part(saved):
    task = Classify(path=saved("".join(f"{n % 2}\tword word{n} word{n} last last\n" for n in range(100))), unit="word")
    train = {f"word{n}" for n in task.texts_and_labels.parts.train.tolist()}
    assert len(train) < 90
    assert set(task.input_symbols[1:]) == {"word", "last", *train}
    assert task.inputs.embed == 64


def test_a_padded_row_is_answered_as_it_is_alone(saved):
    from harness.discovery.compose import build_architecture
    from harness.training.data import without_padding
    from harness.training.model import Model

    task = Classify(path=saved("".join(f"{n % 2}\t{'x' * (1 + n % 9)}{n}\n" for n in range(200))))
    torch.manual_seed(0)
    model = Model(build_architecture("gru", task.inputs.size, 8), task).eval()
    batch = task.take("train", 12, torch.arange(20))
    together = model(batch.inputs, batch.lengths)[0]
    for row in range(20):
        alone = without_padding(task.take("train", 12, torch.tensor([row])))
        assert alone.inputs.shape[1] == int(batch.lengths[row])
        assert torch.allclose(model(alone.inputs, alone.lengths)[0][0], together[row], atol=1e-6)


def test_a_file_is_read_once_and_a_changed_one_again(saved, monkeypatch):
    path = saved(reviews())
    before = Classify(path=path)

    def again(*_):
        raise AssertionError("the file is read again")

    with monkeypatch.context() as context:
        context.setattr("harness.tasks._files._keep", again)
        kept = Classify(path=path)
    assert kept.data == before.data
    assert torch.equal(kept.take("test", 9, torch.arange(5)).inputs, before.take("test", 9, torch.arange(5)).inputs)
    saved(reviews(500))
    assert Classify(path=path).data != before.data


def test_what_was_read_is_kept_beside_the_store(folder, monkeypatch):
    monkeypatch.delenv("HARNESS_CACHE")
    with cache.kept_beside(folder / "elsewhere" / "mlflow.db"):
        assert cache.cache_folder() == folder / "elsewhere" / "harness-cache"
    assert "HARNESS_CACHE" not in os.environ
    (folder / "file").write_text("")
    with cache.kept_beside(folder / "file" / "mlflow.db"):  # where no folder can be made
        assert cache.cache_folder().is_dir()


def test_conll_u_gives_forms_and_universal_tags(saved):
    rows = "1\tdu\tde\tADP\tx\t_\t0\t_\t_\t_", "2-3\tau\t_\t_\t_\t_\t_\t_\t_\t_", "2\tle\tle\tDET\tx\t_\t0\t_\t_\t_"
    task = Tag(path=saved("# text = du le\n" + "\n".join(rows) + "\n\n" + sentences(90)))
    assert {"ADP", "DET"} <= set(task.target_symbols)
    assert task.words.lengths[0] == 2


def test_an_answer_of_a_forecast_is_the_value_that_comes_later(saved):
    task = Forecast(path=saved(walk()), column="close", ahead=3)
    batch = task.take("validation", 8, torch.arange(10))
    assert torch.equal(batch.targets[:, :-3], batch.inputs[:, 3:])
    assert batch.mask.sum(dim=1).eq(1).all()
    assert batch.loss_mask.all()


def test_chance_of_a_random_walk_is_tomorrow_as_today(saved):
    task = Forecast(path=saved(walk(4000)), column="close", tolerance=0.02)
    test = task.take("test", 20, torch.arange(task.count("test", 20)))
    as_today = ((test.inputs[:, -1] - test.targets[:, -1]).abs() < 0.02).double().mean().item()
    assert task.chance(20) == pytest.approx(as_today)
    around_zero = walk(4000, level=0)  # of which differences are taken, not logarithms
    changes = Forecast(path=saved(around_zero), column="close", of="changes", tolerance=0.5)
    assert changes.chance(20) == pytest.approx(0.38, abs=0.06)  # of a normal distribution, within half a deviation


BAD = [
    ("classify", b"no label here\n", (), "line 1 has no tab"),
    ("classify", b"a\tx\n\tno label\n", (), "line 2 has no label"),
    ("classify", b"a\t \n", (), "line 1 has no text"),
    ("classify", b"a\tx\na\ty\n" * 20, (), "has one label only, 'a'"),
    ("classify", b"", (), "is empty"),
    ("classify", b"a\tcaf\xe9\n", (), "is not UTF-8"),
    ("classify", b"\x89PNG\x00\x00\n", (), "is n"),
    ("classify", b"a\tx\nb\ty\n", (), "data at length"),
    ("classify", None, (), "cannot be read: No such file"),
    ("tag", b"the DET\ndog\n", (), "line 2 has no tag"),
    ("tag", b"a X\nb X\n\n" * 9, (), "has one tag only, 'X'"),
    ("translate", b"one\tun\ntwo\n", (), "line 2 has no target"),
    ("forecast", walk().encode(), ("column=clos",), "no column of"),
    ("forecast", walk().encode().replace(b"d7,", b"d7,n/a"), ("column=close",), "line 9, column close holds 'n/a"),
    ("forecast", walk(30).encode(), ("column=close",), "is too short"),
    ("forecast", walk(10).encode(), ("column=close",), "20 are the fewest"),
    ("forecast", b"a,b\n" + b"1,2\n" * 30, (), "has 2 columns of numbers: name one of a, b"),
    ("forecast", b"a\n" + b"1\n" * 30, (), "has one value only"),
    ("forecast", walk().encode(), ("series=sunspots",), "takes one of series"),
]


@pytest.mark.parametrize(("task", "content", "options", "said"), BAD)
def test_a_file_that_cannot_be_learned_from_is_refused_in_one_line_before_anything_runs(
    folder, saved, capsys, task, content, options, said
):
    if content is not None:
        saved(content)
    typed = [part for option in ("path=t.tsv", *options) for part in ("--set", option)]
    assert main(["run", "--arch", "lstm", "--task", task, *typed]) == 2
    complaint = capsys.readouterr().err.splitlines()
    assert said in complaint[-1]
    assert sum(line.startswith("harness:") for line in complaint) == 1
    assert not (folder / "mlflow.db").exists()


@pytest.mark.parametrize(("task", "options"), [("pronounce", {}), ("forecast", {"series": "sunspots"})])
def test_a_package_that_is_not_installed_is_named_with_the_line_that_installs_it(
    folder, monkeypatch, capsys, task, options
):
    monkeypatch.setattr("harness.tasks._packages.find_spec", lambda name: None)
    if task == "pronounce":
        from harness.tasks import pronounce

        pronounce._dictionary.cache_clear()
    typed = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    assert main(["run", "--arch", "lstm", "--task", task, *typed]) == 2
    assert "pip install 'rnn-harness[data]'" in capsys.readouterr().err


_READ = """
import resource, sys, time
import torch
from harness.tasks.classify import Classify
base, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
task = Classify(path=sys.argv[1])
task.take("train", 200, torch.arange(64))
print(time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


@pytest.mark.slow
def test_a_hundred_megabytes_are_read_in_ten_seconds_and_a_gigabyte(tmp_path):
    path = tmp_path / "large.tsv"
    line = "the quick brown fox jumps over the lazy dog and " * 10
    with path.open("w") as file:
        for n in range(205_000):
            file.write(f"{n % 5}\t{n} {line}\n")
    assert path.stat().st_size > 100e6
    done = subprocess.run([sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True)
    seconds, gigabytes = map(float, done.stdout.split())
    assert seconds < 10
    assert gigabytes < 1
