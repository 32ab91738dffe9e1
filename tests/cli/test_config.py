"""A sweep from a file: the same keys as the flags, and flags that are typed win."""

import pytest

from harness.cli.main import _parser

FILE = """
arch = ["lstm", "gru"]
task = "copy"
length = [5, 8]
steps = 20
quiet = true
json = false
validate-every = 7

[set]
hidden_size = [4, 8]
"lstm.forget_bias" = 0.5
selective = true
"""


@pytest.fixture
def parse(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text(FILE)

    def parsed(*typed, content=None):
        if content is not None:
            (tmp_path / "sweep.toml").write_text(content)
        return _parser().parse_args(["run", "--config", "sweep.toml", *typed])

    return parsed


def test_keys_are_flags(parse):
    found = parse()
    assert (found.arch, found.task, found.length, found.steps) == (["lstm", "gru"], ["copy"], [5, 8], 20)
    assert (found.quiet, found.json, found.validate_every) == (True, False, 7)
    assert dict(found.options) == {
        "hidden_size": ("4", "8"),
        "lstm.forget_bias": ("0.5",),
        "selective": ("true",),
    }


def test_flags_that_are_typed_replace_those_of_the_file(parse):
    found = parse("--arch", "rnn", "--length=3", "--steps", "5", "--set", "hidden_size=16")
    assert (found.arch, found.task, found.length, found.steps) == (["rnn"], ["copy"], [3], 5)
    assert dict(found.options)["hidden_size"] == ("16",)
    assert dict(found.options)["lstm.forget_bias"] == ("0.5",)


def test_the_file_may_be_named_after_an_equals_sign(parse, tmp_path):
    assert _parser().parse_args(["run", f"--config={tmp_path / 'sweep.toml'}"]).steps == 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('arhc = "lstm"', "No key 'arhc'. Did you mean 'arch'?"),
        ('arch = "lstm"\ntask = "copy"\nsteps = "many"', "argument --steps: takes a whole number, got 'many'"),
        ('arch = "lstm"\ntask = "copy"\nsteps = 0', "argument --steps: must be at least 1, got 0"),
        ('arch = "lstm"\ntask = "copy"\nset = 3', "'set' is a table of options"),
        ('arch = "lstm"\ntask = "copy"\nlength = [[1]]', "'length' takes a text, a number, or a list of them"),
        ('arch = "lstm"\ntask = "copy"\nlength = []', "'length' takes a text, a number, or a list of them"),
        ("arch = ", "sweep.toml is not TOML"),
        ('task = "copy"', "the following arguments are required: --arch"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_in_one_line(parse, capsys, content, said):
    with pytest.raises(SystemExit) as end:
        parse(content=content)
    assert end.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[0]
    assert len(lines) == 2  # and where help is


@pytest.mark.parametrize("second", [["--config", "sweep.toml"], ["--config=other.toml"]])
def test_a_second_file_is_an_error_and_not_dropped(parse, capsys, second):
    with pytest.raises(SystemExit) as end:
        parse(*second)
    assert end.value.code == 2
    assert "--config is given twice" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(parse, capsys):
    with pytest.raises(SystemExit):
        _parser().parse_args(["run", "--config", "nowhere.toml"])
    assert "nowhere.toml cannot be read" in capsys.readouterr().err
