"""A sweep from a file: the same keys as the flags, and flags that are typed win."""

import pytest

from harness.cli.main import _parser
from harness.sweeps.texts import quote_value, split_values

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
DOTTED = """
arch = ["./cells/my cell.py:Mine", "deep:./cells/other.py", "lstm"]
task = "charlm"

[set]
lstm.forget_bias = -1
charlm.path = "a book, vol 1.txt"
sizes = [[1, 2], [3]]

[set.gru]
init = ["chrono", "default"]
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
    assert (found.arch, found.task, found.length, found.steps) == (["lstm", "gru"], ["copy"], [5, 8], [20])
    assert (found.quiet, found.json, found.validate_every) == (True, False, [7])
    assert dict(found.options) == {
        "hidden_size": ("4", "8"),
        "lstm.forget_bias": ("0.5",),
        "selective": ("true",),
    }


def test_flags_that_are_typed_replace_those_of_the_file(parse):
    found = parse("--arch", "rnn", "--length=3", "--steps", "5", "--set", "hidden_size=16")
    assert (found.arch, found.task, found.length, found.steps) == (["rnn"], ["copy"], [3], [5])
    assert dict(found.options)["hidden_size"] == ("16",)
    assert dict(found.options)["lstm.forget_bias"] == ("0.5",)


def test_the_file_may_be_named_after_an_equals_sign(parse, tmp_path):
    assert _parser().parse_args(["run", f"--config={tmp_path / 'sweep.toml'}"]).steps == [20]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('arhc = "lstm"', "No key 'arhc'. Did you mean 'arch'?"),
        (
            'arch = "lstm"\ntask = "copy"\nsteps = "many"',
            "argument --steps: takes a whole number such as 5000 or 5k, got 'many'",
        ),
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


def test_a_dotted_name_of_toml_is_the_option_of_that_name(parse):
    options = dict(parse(content=DOTTED).options)
    assert options["lstm.forget_bias"] == ("-1",)
    assert options["gru.init"] == ("chrono", "default")


def test_a_text_with_a_comma_and_a_list_are_one_value_each(parse):
    options = dict(parse(content=DOTTED).options)
    assert options["charlm.path"] == ("a book, vol 1.txt",)
    assert options["sizes"] == ("[1, 2]", "[3]")


def test_paths_in_a_file_begin_at_its_folder(parse, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a book, vol 1.txt").write_text("text")
    (tmp_path / "sub" / "sweep.toml").write_text(DOTTED)
    found = _parser().parse_args(["run", "--config", "sub/sweep.toml"])
    assert found.arch == ["sub/cells/my cell.py:Mine", "deep:sub/cells/other.py", "lstm"]
    assert dict(found.options)["charlm.path"] == ("sub/a book, vol 1.txt",)


def test_a_byte_order_mark_is_no_part_of_the_file(parse, tmp_path):
    (tmp_path / "sweep.toml").write_bytes(b"\xef\xbb\xbf" + FILE.encode())
    assert _parser().parse_args(["run", "--config", "sweep.toml"]).steps == [20]


def test_yaml_is_told_by_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text("arch: lstm\ntask: copy\n")
    with pytest.raises(SystemExit):
        _parser().parse_args(["run", "--config", "sweep.yaml"])
    assert "sweep.yaml is YAML, and --config takes TOML" in capsys.readouterr().err


@pytest.mark.parametrize("opening", ["x = " + "[" * 50_000, "arch = " + "[" * 5000 + "]" * 5000])
def test_a_deeply_nested_file_is_told_in_one_line(parse, capsys, opening):
    with pytest.raises(SystemExit) as end:
        parse(content=opening)
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2", ("1", "2")),
        ('"it is a book, vol 1.txt"', ("it is a book, vol 1.txt",)),
        ("a, 'b, c',[1,2],(3, 4)", ("a", "b, c", "[1,2]", "(3, 4)")),
        ("it's", ("it's",)),
        ("1,", ("1", "")),
    ],
)
def test_values_are_split_at_commas_outside_quotes_and_brackets(text, values):
    assert split_values(text) == values


@pytest.mark.parametrize("value", ["plain", "a, b", 'say "hi", twice', "[1, 2]", "it's, so"])
def test_a_quoted_value_is_read_as_it_was(value):
    assert split_values(quote_value(value)) == (value,)
